// A person who signs in by an OpenID provider, which is the certified `oidc-provider`:
// node google.mjs GATEWAY ISSUER APP PAGE CHROMIUM
// ISSUER and APP are origins of loopback whose ports are free; PAGE is the file that APP serves.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import Provider from 'oidc-provider'
import { generate } from 'otplib'
import { chromium } from 'playwright-core'

const [, , gateway, issuer, app, file, executablePath] = process.argv
const QUIET = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
const OFFLINE = ['--disable-component-update', '--disable-sync']

const people = {
  jane: { email: 'jane@example.com', email_verified: true, name: 'Jane Doe' },
  john: { email: 'john@example.com', email_verified: false, name: 'John Doe' },
}
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'the-app',
      client_secret: 'the secret of: the app',
      redirect_uris: [`${app}/`, `${app}/bare`],
      response_types: ['code'],
      grant_types: ['authorization_code'],
    },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name'] },
  // As Google does: what was asked for is in the ID token, and not only at another endpoint.
  conformIdTokenClaims: false,
  pkce: { required: () => false },
  findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, ...people[sub] }) }),
})
const servers = [provider.listen(Number(new URL(issuer).port), '127.0.0.1')]
const page = await readFile(file, 'utf8')
const serve = createServer((_, answer) => answer.setHeader('content-type', 'text/html; charset=utf-8').end(page))
servers.push(serve.listen(Number(new URL(app).port), '127.0.0.1'))

const browser = await chromium.launch({ executablePath, args: [...QUIET, ...OFFLINE] })

/** A browser of somebody's own. */
async function visitor() {
  const context = await browser.newContext()
  context.setDefaultTimeout(20_000)
  return context.newPage()
}

/** Posts to the gateway, as a program does. */
async function post(path, body) {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(gateway + path, { method: 'POST', headers, body: JSON.stringify(body) })
  return { status: answer.status, body: await answer.json() }
}

async function refused(body, status, code) {
  const answer = await post('/v1/auth/google', body)
  assert.deepEqual([answer.status, answer.body.error], [status, code], JSON.stringify(answer))
}

/** Signs in at the provider, and agrees. */
async function atProvider(tab, name) {
  await tab.waitForURL(`${issuer}/interaction/**`)
  if (await tab.locator('input[name=login]').count()) {
    await tab.locator('input[name=login]').fill(name)
    await tab.locator('input[name=password]').fill('any')
    await tab.locator('[type=submit]').click()
  }
  await tab.locator('[type=submit]:has-text("Continue")').click()
}

const says = (tab, text) => tab.getByRole('status').filter({ hasText: text }).waitFor()

/** Signs in by the page; gives what it posted. */
async function signIn(tab, name) {
  await tab.goto(`${app}/`)
  const posted = tab.waitForRequest((request) => request.url() === `${gateway}/v1/auth/google` && request.method() === 'POST')
  await tab.getByRole('button').click()
  if (name) await atProvider(tab, name)
  await says(tab, 'Signed in as ')
  assert.equal(tab.url(), `${app}/`, 'the code is not in the address bar')
  const request = await posted
  return { sent: request.postDataJSON(), told: await (await request.response()).json() }
}

try {
  const tab = await visitor()
  const { sent, told } = await signIn(tab, 'jane')
  assert.deepEqual([told.email, told.username, told.message], ['jane@example.com', 'jane@example.com', 'Registration successful'])
  const me = await fetch(`${gateway}/auth/me`, { headers: { 'x-auth-token': told.token } })
  const { email_verified, name } = await me.json()
  assert.deepEqual([me.status, email_verified, name], [200, true, 'Jane Doe'])
  await refused(sent, 401, 'state_used')
  await refused({ code: sent.code }, 401, 'invalid_grant')
  await refused({ code: sent.code, state: `${sent.state.slice(0, -1)}${sent.state.endsWith('A') ? 'B' : 'A'}` }, 401, 'invalid_state')

  // Somebody who is signed in there comes back at once, and is the same person.
  const again = await signIn(tab)
  assert.deepEqual([again.told.userId, again.told.message], [told.userId, 'Sign-in successful'])

  // With a second factor the page asks for a code of it, and the first step is no way in.
  const bearer = { 'content-type': 'application/json', authorization: `Bearer ${again.told.token}` }
  const asPerson = async (path, body) => {
    const answer = await fetch(gateway + path, { method: 'POST', headers: bearer, body: JSON.stringify(body) })
    assert.equal(answer.status, 200, path)
    return answer.json()
  }
  const { secretKey, backupCodes } = await asPerson('/v1/auth/mfa/setup', {})
  await asPerson('/v1/auth/mfa/verify', { code: await generate({ secret: secretKey }) })
  tab.once('dialog', (dialog) => dialog.accept(backupCodes[0]))
  const due = await signIn(tab)
  assert.deepEqual([due.told.userId, due.told.mfaRequired, due.told.refreshToken], [told.userId, true, null])
  const opened = await fetch(`${gateway}/auth/me`, { headers: { 'x-auth-token': due.told.token } })
  assert.equal(opened.status, 401)
  tab.once('dialog', (dialog) => dialog.accept(backupCodes[0]))
  await tab.goto(`${app}/`)
  await tab.getByRole('button').click()
  await says(tab, 'was used before')
  const off = await fetch(`${gateway}/v1/auth/mfa`, { method: 'DELETE', headers: bearer, body: JSON.stringify({ code: backupCodes[1] }) })
  assert.equal(off.status, 204)

  // A code that another tab began with: the page does not go on.
  const other = await visitor()
  await other.goto(`${app}/?code=stolen&state=${sent.state}`)
  await says(other, 'This sign-in did not begin here.')

  // The provider has not verified this address.
  const john = await signIn(other, 'john')
  const claims = JSON.parse(Buffer.from(john.told.token.split('.')[1], 'base64url'))
  assert.deepEqual([claims.evf, claims.amr], [false, ['fed']])

  // A sign-in that began elsewhere: a bare code, once, and for the page that it was given to.
  const bare = async () => {
    const query = { response_type: 'code', client_id: 'the-app', scope: 'openid email profile', redirect_uri: `${app}/bare` }
    await tab.goto(`${issuer}/auth?${new URLSearchParams(query)}`)
    await tab.waitForURL(`${app}/bare**`)
    const [wanted] = await tab.evaluate(() => performance.getEntriesByType('navigation').map((entry) => entry.name))
    return new URL(wanted).searchParams.get('code')
  }
  await refused({ code: await bare() }, 401, 'invalid_grant')
  const code = await bare()
  const redirectUri = `${app}/bare`
  const answer = await post('/v1/auth/google', { code, redirectUri, marketingOptInState: true })
  assert.deepEqual([answer.status, answer.body.userId], [200, told.userId], JSON.stringify(answer))
  await refused({ code, redirectUri }, 401, 'invalid_grant')
  await refused({ code, redirectUri: 'https://evil.example/' }, 400, 'invalid_request')

  // Nobody agrees: the provider says so to the page.
  const shy = await visitor()
  await shy.goto(`${app}/`)
  await shy.getByRole('button').click()
  await shy.waitForURL(`${issuer}/interaction/**`)
  await shy.getByText('Cancel').click()
  await says(shy, 'You did not sign in.')
} finally {
  await browser.close()
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
}
