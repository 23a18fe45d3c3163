// Sign-in with viem: a wallet client over the person's wallet, or over a key of your own.
import { createSiweMessage } from 'viem/siwe'

/** @typedef {import('./countersign.mjs').Gateway} Gateway */
/** @typedef {Pick<Location, 'host' | 'origin'>} Site the page that asks */

/**
 * The wallet signs a message that the gateway wrote, with the gateway's time within.
 *
 * @param {Gateway} gateway
 * @param {import('viem').WalletClient} wallet
 * @param {{ statement?: string, site?: Site }} [options]
 */
export async function signIn(gateway, wallet, { statement, site = location } = {}) {
  const [address] = await wallet.requestAddresses()
  const wishes = { chainId: await wallet.getChainId(), domain: site.host, uri: site.origin, statement }
  const { message } = await gateway.message(address, wishes)
  return gateway.signIn(message, await wallet.signMessage({ account: address, message }))
}

/**
 * Connects and signs in one step: the wallet signs a message of the page's own, with a nonce of `gateway.nonce()` that
 * was asked for before the click.
 *
 * @param {Gateway} gateway
 * @param {import('viem').WalletClient} wallet
 * @param {{ nonce: string, statement?: string, site?: Site }} options
 */
export async function connectAndSign(gateway, wallet, { nonce, statement, site = location }) {
  const [address] = await wallet.requestAddresses()
  const chainId = await wallet.getChainId()
  const message = createSiweMessage({
    domain: site.host,
    uri: site.origin,
    version: '1',
    address,
    chainId,
    nonce,
    statement,
  })
  return gateway.signIn(message, await wallet.signMessage({ account: address, message }))
}
