// What the JavaScript clients share: JSON over fetch, nothing more.
import { privateKeyToAccount } from 'viem/accounts'

const [, , url, key] = process.argv

export { url }
export const account = privateKeyToAccount(key)

/** Sends a request and returns its status and its JSON, if any. */
export async function call(method, path, { token, body } = {}) {
  const headers = { 'content-type': 'application/json' }
  if (token) headers['x-auth-token'] = token
  const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) })
  const text = await answer.text()
  return { status: answer.status, ...(text && JSON.parse(text)) }
}

/** Signs in as a page with viem does and returns the answer. */
export async function signIn() {
  const { address } = account
  const { nonce } = await call('POST', '/users/nonce', { body: { address } })
  const signature = await account.signMessage({ message: nonce })
  return call('POST', '/users/authenticate', { body: { address, signature } })
}
