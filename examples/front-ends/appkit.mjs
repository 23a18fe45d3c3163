// Reown AppKit's SIWX: createAppKit({ …, siwx: siwx(gateway) }). AppKit's own messages are not of EIP-4361, so the
// gateway writes them.
import { parseSiweMessage } from 'viem/siwe'

/** Stands for the address in a message that a wallet completes; the nonce within is good for any wallet. */
const NOBODY = '0x0000000000000000000000000000000000000000'

/**
 * @param {import('./countersign.mjs').Gateway} gateway
 * @param {{ statement?: string, required?: boolean, site?: Pick<Location, 'host' | 'origin'> }} [options]
 * @returns {import('@reown/appkit-controllers').SIWXConfig}
 */
export function siwx(gateway, { statement, required = true, site = location } = {}) {
  const is = (/** @type {string} */ address) => gateway.session?.address.toLowerCase() === address.toLowerCase()

  return {
    async createMessage({ chainId, accountAddress }) {
      // AppKit has no address yet when it connects and signs in one step.
      const address = /^0x[0-9a-f]{40}$/i.test(accountAddress) ? accountAddress : NOBODY
      const number = Number(chainId.split(':')[1])
      const wishes = { chainId: number, domain: site.host, uri: site.origin, statement }
      const { nonce, message } = await gateway.message(address, wishes)
      const text = message.replace(NOBODY, accountAddress)
      const issuedAt = parseSiweMessage(message).issuedAt?.toISOString()
      const { host: domain, origin: uri } = site
      return { accountAddress, chainId, domain, uri, version: '1', nonce, statement, issuedAt, toString: () => text }
    },

    async addSession({ message, signature }) {
      await gateway.signIn(message, signature)
    },

    async setSessions([first]) {
      // One for each chain, all with one nonce. A key has the same address on every chain: one of them is enough.
      if (first) await gateway.signIn(first.message, first.signature)
      else await gateway.signOut()
    },

    async getSessions(chainId, address) {
      // Asked at every change of chain or account; without an answer AppKit asks for a signature.
      if (!is(address)) return []
      const { host: domain, origin: uri } = site
      const data = { accountAddress: address, chainId, domain, uri, version: '1', nonce: '' }
      return [{ data, message: '', signature: '' }]
    },

    async revokeSession(_chainId, address) {
      if (is(address)) await gateway.signOut()
    },

    getRequired: () => required,
  }
}
