// RainbowKit's authentication adapter.
import { createAuthenticationAdapter } from '@rainbow-me/rainbowkit'
import { createSiweMessage } from 'viem/siwe'

/**
 * @param {import('./countersign.mjs').Gateway} gateway
 * @param {object} options
 * @param {(status: import('@rainbow-me/rainbowkit').AuthenticationStatus) => void} options.onStatus
 *   keeps the `status` of your RainbowKitAuthenticationProvider
 * @param {(error: unknown) => void} [options.onRefusal]
 *   shows why: RainbowKit itself says no more than that verifying failed
 * @param {string} [options.statement]
 * @param {Pick<Location, 'host' | 'origin'>} [options.site]
 */
export function authenticationAdapter(gateway, { onStatus, onRefusal = console.error, statement, site = location }) {
  return createAuthenticationAdapter({
    async getNonce() {
      const { nonce } = await gateway.nonce()
      return nonce
    },

    createMessage({ nonce, address, chainId }) {
      return createSiweMessage({
        domain: site.host,
        uri: site.origin,
        version: '1',
        address,
        chainId,
        nonce,
        statement,
      })
    },

    async verify({ message, signature }) {
      try {
        await gateway.signIn(message, signature)
      } catch (error) {
        onRefusal(error)
        return false
      }
      onStatus('authenticated')
      return true
    },

    async signOut() {
      onStatus('unauthenticated')
      await gateway.signOut()
    },
  })
}
