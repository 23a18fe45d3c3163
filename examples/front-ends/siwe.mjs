// Sign-in with a message that the page builds by the library siwe, version 2 or 3. The gateway needs no part of it.
import { SiweMessage } from 'siwe'

/**
 * @param {import('./countersign.mjs').Gateway} gateway
 * @param {import('ethers').BrowserProvider} provider
 * @param {{ nonce: string, statement?: string, site?: Pick<Location, 'host' | 'origin'> }} options
 *   `nonce` is one of `gateway.nonce()`; siwe's own `generateNonce` makes nonces that no gateway knows.
 */
export async function signIn(gateway, provider, { nonce, statement, site = location }) {
  const signer = await provider.getSigner()
  const { chainId } = await provider.getNetwork()
  const message = new SiweMessage({
    domain: site.host,
    uri: site.origin,
    version: '1',
    address: signer.address,
    chainId: Number(chainId),
    nonce,
    statement,
  }).prepareMessage()
  return gateway.signIn(message, await signer.signMessage(message))
}
