// Sign-in with ethers 6: `provider` is a BrowserProvider over the person's wallet.

/**
 * @param {import('./countersign.mjs').Gateway} gateway
 * @param {import('ethers').BrowserProvider} provider
 * @param {{ statement?: string, site?: Pick<Location, 'host' | 'origin'> }} [options]
 */
export async function signIn(gateway, provider, { statement, site = location } = {}) {
  const signer = await provider.getSigner()
  const { chainId } = await provider.getNetwork()
  const wishes = { chainId: Number(chainId), domain: site.host, uri: site.origin, statement }
  const { message } = await gateway.message(signer.address, wishes)
  return gateway.signIn(message, await signer.signMessage(message))
}
