// What kits for pages do with their adapters, as far as that needs no page.
import { createWalletClient, custom } from 'viem'

/** AppKit's controllers, connected to the wallet. `told` has what they tell the console, which is all that they tell. */
export async function connectAppKit(wallet, siwx) {
  const kit = await import('@reown/appkit-controllers')
  const told = []
  console.error = (...words) => told.push(words.find((word) => word instanceof Error) ?? words)
  const network = { id: 1, caipNetworkId: 'eip155:1', chainNamespace: 'eip155', name: 'Ethereum' }
  const { ChainController, ConnectionController, OptionsController } = kit
  const client = createWalletClient({ transport: custom(wallet) })
  const signMessage = (message) => client.signMessage({ account: wallet.address, message })
  ConnectionController.setClient({ signMessage, async disconnect() {} })
  ChainController.initialize([{ namespace: 'eip155', caipNetworks: [network] }], [network], {
    connectionControllerClient: { signMessage, async disconnect() {} },
  })
  ChainController.setActiveCaipNetwork(network)
  ChainController.setAccountProp('caipAddress', `eip155:1:${wallet.address}`, 'eip155')
  OptionsController.setSIWX(siwx)
  return { kit, told }
}

/** As thirdweb 5.121.6 writes it (`createLoginMessage`). Its package is too large to be installed for that. */
export function thirdwebMessage(payload) {
  let prefix = [`${payload.domain} wants you to sign in with your Ethereum account:`, payload.address].join('\n')
  prefix = [prefix, payload.statement].join('\n\n')
  if (payload.statement) prefix += '\n'
  const suffix = []
  if (payload.uri) suffix.push(`URI: ${payload.uri}`)
  suffix.push(`Version: ${payload.version}`)
  if (payload.chain_id) suffix.push(`Chain ID: ${payload.chain_id}`)
  suffix.push(`Nonce: ${payload.nonce}`, `Issued At: ${payload.issued_at}`)
  suffix.push(`Expiration Time: ${payload.expiration_time}`)
  if (payload.invalid_before) suffix.push(`Not Before: ${payload.invalid_before}`)
  if (payload.resources) suffix.push(['Resources:', ...payload.resources.map((x) => `- ${x}`)].join('\n'))
  return [prefix, suffix.join('\n')].join('\n')
}
