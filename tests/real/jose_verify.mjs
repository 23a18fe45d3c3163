// A token verified by jose, which knows nothing but the issuer's published keys: node jose_verify.mjs URL KEY ALGORITHM ISSUER
import assert from 'node:assert/strict'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { account, signIn, url } from './client.mjs'

const [algorithm, issuer] = process.argv.slice(4)

const { token } = await signIn()
const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', url))
const expected = { issuer, audience: issuer, typ: 'at+jwt', algorithms: [algorithm] }

const { payload, protectedHeader } = await jwtVerify(token, keys, expected)
assert.ok(protectedHeader.kid)
assert.equal(payload.address, account.address)
assert.equal(payload.wallet.split(':').at(-1), account.address)
assert.deepEqual(payload.roles, ['USER'])
assert.equal(payload.evf, false)
assert.equal(payload.exp - payload.iat, 30 * 60)
for (const claim of ['sub', 'jti', 'sid', 'amr']) assert.ok(payload[claim], claim)

const [header, body, signature] = token.split('.')
const other = Buffer.from(JSON.stringify({ ...payload, roles: ['ADMIN'] })).toString('base64url')
await assert.rejects(jwtVerify([header, other, signature].join('.'), keys, expected))
await assert.rejects(jwtVerify(token, keys, { ...expected, audience: 'https://elsewhere.example' }))
assert.ok(body)
