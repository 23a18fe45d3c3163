// A whole session with viem, from the first nonce to the logout: node viem_session.mjs URL KEY
import assert from 'node:assert/strict'
import { account, call, signIn } from './client.mjs'

const { address } = account
const data = `/users/${address}/data`

const signedIn = await signIn()
assert.equal(signedIn.status, 200)
assert.equal(signedIn.address, address)
assert.ok(Date.parse(signedIn.expiresAt) > Date.now())

const fresh = await call('GET', data, { token: signedIn.token })
assert.deepEqual({ ...fresh, email: undefined }, { status: 200, userAddress: address, name: '', intendedUse: '', email: undefined })

const edited = await call('POST', data, { token: signedIn.token, body: { name: 'Zoë', intendedUse: 'trying it' } })
assert.equal(edited.status, 200)
assert.equal(edited.name, 'Zoë')

const refreshed = await call('POST', '/users/refresh', { body: { refreshToken: signedIn.refreshToken } })
assert.equal(refreshed.status, 200)
assert.notEqual(refreshed.refreshToken, signedIn.refreshToken)

const read = await call('GET', data, { token: refreshed.token })
assert.equal(read.intendedUse, 'trying it')

const { address: owner, apiKey } = await call('GET', '/users/api-key', { token: refreshed.token })
assert.equal(owner, address)
assert.match(apiKey, /^csk_/)

const free = await call('GET', '/users/nonce')
const signature = await account.signMessage({ message: free.nonce })
const again = await call('POST', '/users/authenticate', { body: { address, signature, nonce: free.nonce } })
assert.equal(again.status, 200)

assert.equal((await call('POST', '/users/logout', { token: refreshed.token })).status, 204)

for (const token of [signedIn.token, refreshed.token]) {
  assert.equal((await call('GET', data, { token })).status, 401)
}
const late = await call('POST', '/users/refresh', { body: { refreshToken: refreshed.refreshToken } })
assert.equal(late.status, 401)
assert.equal((await call('GET', data, { token: again.token })).status, 200, 'the other session goes on')
