// The four functions that thirdweb's ConnectButton and ConnectEmbed take as `auth`.

/** @typedef {{ domain: string, address: string, statement: string, uri?: string, version: string, chain_id?: string, nonce: string, issued_at: string, expiration_time: string, invalid_before: string, resources?: string[] }} LoginPayload */

/** thirdweb always writes an expiration time, and a session ends with it. This is as long as any session lasts. */
const LONGEST_SESSION = 90 * 24 * 60 * 60 * 1000

/**
 * @param {import('./countersign.mjs').Gateway} gateway
 * @param {{ statement?: string, site?: Pick<Location, 'host' | 'origin'> }} [options]
 */
export function auth(gateway, { statement = '', site = location } = {}) {
  return {
    /** @param {{ address: string, chainId: number }} wallet @returns {Promise<LoginPayload>} */
    async getLoginPayload({ address, chainId }) {
      const { nonce } = await gateway.nonce()
      const now = Date.now()
      return {
        domain: site.host,
        address,
        statement,
        uri: site.origin,
        version: '1',
        chain_id: String(chainId),
        nonce,
        issued_at: new Date(now).toISOString(),
        expiration_time: new Date(now + LONGEST_SESSION).toISOString(),
        invalid_before: new Date(now).toISOString(),
      }
    },

    /** @param {{ payload: LoginPayload, signature: string }} signed */
    async doLogin({ payload, signature }) {
      await gateway.signIn(text(payload), signature)
    },

    /** @param {string} address */
    async isLoggedIn(address) {
      return gateway.session?.address.toLowerCase() === address.toLowerCase()
    },

    doLogout: () => gateway.signOut(),
  }
}

/** What thirdweb made of the payload and had signed, to the byte. @param {LoginPayload} payload */
function text(payload) {
  const lines = [`${payload.domain} wants you to sign in with your Ethereum account:`, payload.address, '']
  if (payload.statement) lines.push(payload.statement)
  lines.push('', `URI: ${payload.uri}`, `Version: ${payload.version}`, `Chain ID: ${payload.chain_id}`)
  lines.push(`Nonce: ${payload.nonce}`, `Issued At: ${payload.issued_at}`)
  lines.push(`Expiration Time: ${payload.expiration_time}`, `Not Before: ${payload.invalid_before}`)
  return lines.join('\n')
}
