// A person before the pages of the session door, and before pages of others that use it:
// node session.mjs FLOW GATEWAY OUTBOX APP FOREIGN CHROMIUM PICTURES
// GATEWAY and APP are of one site. FOREIGN is of another one, and under the name localhost a sibling that nobody configured; or
// it is a sibling already. Names below example.test are this machine.
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { chromium } from 'playwright-core'

const [, , flow, gateway, outbox, app, foreign, executablePath, pictures] = process.argv
const QUIET = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
const OFFLINE = ['--disable-component-update', '--disable-sync']
const NAMES = ['--host-resolver-rules=MAP *.example.test 127.0.0.1']
const PASSWORD = 'correct horse battery'
const RESET = '/account/reset-password'
const CONFIRM = '/account/confirm-email'

const browser = await chromium.launch({ executablePath, args: [...QUIET, ...OFFLINE, ...NAMES] })
const context = await browser.newContext({ viewport: { width: 720, height: 640 } })
context.setDefaultTimeout(20_000)
const requests = []
const faults = []
context.on('request', (request) => requests.push(request.url()))
context.on('weberror', (error) => faults.push(error.error().message))
await context.exposeFunction('violated', (what) => faults.push(what))
await context.addInitScript(() =>
  addEventListener('securitypolicyviolation', (event) => window.violated(`${event.effectiveDirective} ${event.blockedURI}`)),
)
const page = await context.newPage()

/** A request of this script's own, as a program makes it: it knows no names. */
async function post(path, body) {
  const headers = { 'content-type': 'application/json' }
  return fetch(`http://127.0.0.1:${new URL(gateway).port}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
}

async function register(email) {
  const answer = await post('/auth/register', { email, password: PASSWORD })
  assert.equal(answer.status, 201)
  return answer.json()
}

async function signsIn(email, password) {
  return (await post('/auth/login', { email, password })).status === 200
}

/** The text of the one mail to this address that has `mark`, which may take a second to come. */
async function mailed(email, mark) {
  for (let tries = 0; tries < 100; tries += 1) {
    const names = await readdir(outbox).catch(() => [])
    const texts = await Promise.all(names.filter((name) => name.endsWith('.eml')).map((name) => readFile(join(outbox, name), 'utf8')))
    const plain = texts.map((text) => text.replaceAll('=\r\n', '').replaceAll(/=3d/gi, '='))
    const found = plain.filter((text) => text.includes(mark) && new RegExp(`^To: .*${email}`, 'm').test(text))
    assert.ok(found.length < 2, 'one mail')
    if (found.length === 1) return found[0]
    await pause(100)
  }
  throw new Error(`no mail to ${email} with ${mark}`)
}

const linkIn = (mail, path) => mail.match(new RegExp(`${gateway}${path}#token=[\\w-]+`))[0]
const codeIn = (mail) => mail.match(/^ {4}(\d{6})\r?$/m)[1]

async function resetLink(email) {
  assert.equal((await post('/auth/forgot-password', { email })).status, 200)
  return linkIn(await mailed(email, RESET), RESET)
}

const button = (name) => page.getByRole('button', { name })
const outcome = page.getByRole('status')
const says = (text) => outcome.filter({ hasText: text }).waitFor()
const focused = () => page.evaluate(() => document.activeElement.id || document.activeElement.textContent)

/** Opens the page of a link as a click in a mail does, in a tab that was elsewhere. */
async function open(link) {
  await page.goto('about:blank')
  await page.goto(link)
  const { pathname } = new URL(link)
  assert.equal(page.url(), gateway + pathname, 'the token is not in the address bar')
}

async function enter(password, again = password) {
  await page.getByLabel('New password').fill(password)
  await page.getByLabel('The same again').fill(again)
  await button('Change the password').click()
}

async function picture(name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    for (const width of [720, 320]) {
      await page.setViewportSize({ width, height: 640 })
      const [whole, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
      assert.ok(whole <= seen, `${name} is ${whole} wide in a window of ${seen}`)
      await page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${width}.png`) })
    }
  }
  await page.setViewportSize({ width: 720, height: 640 })
}

/** Runs in a page: what a front end does. */
async function call([url, method, body, credentials]) {
  const headers = body === undefined ? {} : { 'content-type': 'application/json' }
  const answer = await fetch(url, { method, headers, credentials, body: body === undefined ? undefined : JSON.stringify(body) })
  return { status: answer.status, body: await answer.json().catch(() => null), cookies: document.cookie }
}

/** Calls the door from `tab` and tells what it answered. */
async function from(tab, method, path, body, expected = 200, credentials = 'same-origin') {
  const answer = await tab.evaluate(call, [gateway + path, method, body, credentials])
  assert.equal(answer.status, expected, `${path}: ${JSON.stringify(answer)}`)
  assert.equal(answer.cookies, '', 'no script sees the cookies')
  return answer.body
}

/** A person whose address is verified, signed in by cookies. */
async function signedIn(email) {
  await page.goto(gateway + CONFIRM)
  await from(page, 'POST', '/auth/register', { email, password: PASSWORD }, 201)
  const code = codeIn(await mailed(email, CONFIRM))
  await from(page, 'POST', '/auth/verify-email', { email, code })
}

const jar = async () => (await context.cookies()).map(({ expires, ...cookie }) => cookie)

/** The attributes of each cookie, and in how many seconds it goes. */
async function assertJar() {
  const now = Date.now() / 1000
  const cookies = await context.cookies()
  const seen = Object.fromEntries(cookies.map(({ name, path, httpOnly, sameSite, secure, expires, domain }) => [
    name, { path, httpOnly, sameSite, secure, domain, minutes: Math.round((expires - now) / 60) },
  ]))
  const common = { httpOnly: true, sameSite: 'Lax', secure: false, domain: new URL(gateway).hostname }
  assert.deepEqual(seen, {
    access_token: { path: '/', ...common, minutes: 30 },
    refresh_token: { path: '/auth', ...common, minutes: 30 * 24 * 60 },
  })
}

/** Runs in a hostile page: posts in the ways in which a browser asks nobody before. */
async function postBlindly([url, body, way]) {
  if (way === 'form') {
    const form = document.createElement('form')
    Object.assign(form, { method: 'POST', action: url, enctype: 'text/plain' })
    const field = document.createElement('input')
    // The body is `name=value`, which is JSON all the same.
    const text = body ? JSON.stringify({ ...body, filler: '' }) : '{"filler":""}'
    Object.assign(field, { name: text.slice(0, -2), value: text.slice(-2) })
    form.append(field)
    document.body.append(form)
    form.submit()
    return
  }
  const content = body === undefined ? undefined : new Blob([JSON.stringify(body)])
  await fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include', body: content }).catch(() => {})
}

const flows = {
  async reset() {
    const email = 'reset@example.com'
    await register(email)
    const link = await resetLink(email)
    await open(link)
    await open(link)
    assert.equal(await page.getByLabel('New password').isVisible(), true)
    assert.equal(await outcome.isVisible(), false)
    await picture('reset')

    await enter('one password here', 'another one here')
    await says('The two passwords are not the same.')
    assert.equal(await focused(), 'again')
    await enter('password1')
    await says('It is one of the most common passwords, which are tried first; choose another one.')
    assert.equal(await focused(), 'password')
    assert.equal(await page.getByLabel('New password').getAttribute('aria-invalid'), 'true')
    await picture('reset-weak')
    await enter('x'.repeat(129))
    await says('128')
    await enter('short')
    assert.equal(await page.evaluate(() => document.querySelector('input').validity.tooShort), true)
    assert.ok(await signsIn(email, PASSWORD), 'nothing is changed so far')

    await enter('a much better password')
    await says('Your password is changed')
    assert.equal(await focused(), 'outcome')
    assert.equal(await page.getByLabel('New password').isVisible(), false)
    assert.equal(await page.getByLabel('New password').inputValue(), '', 'it is not kept in the page')
    await picture('reset-done')
    assert.ok(await signsIn(email, 'a much better password'))
    assert.equal(await signsIn(email, PASSWORD), false)
    assert.deepEqual(await context.cookies(), [], 'nobody is signed in by it')

    await open(link)
    await enter('yet another password')
    await says('This link is not good any more')
    assert.equal(await focused(), 'outcome')
    await picture('reset-used')
    assert.ok(await signsIn(email, 'a much better password'))
  },

  async confirm() {
    const email = 'confirm@example.com'
    const { access_token: token } = await register(email)
    const me = () => fetch(`${gateway}/auth/me`, { headers: { 'x-auth-token': token } })
    const link = linkIn(await mailed(email, CONFIRM), CONFIRM)
    await open(link)
    await open(link)
    assert.equal((await me()).status, 403, 'opening it proves nothing')
    await picture('confirm')
    await button('Confirm the address').click()
    await says('Your e-mail address is confirmed.')
    assert.equal(await focused(), 'outcome')
    await picture('confirm-done')
    assert.equal((await me()).status, 200)
    assert.deepEqual(await context.cookies(), [])
    await open(link)
    await button('Confirm the address').click()
    await says('This link is not good any more')
    await open(gateway + CONFIRM)
    await says('This page is opened by the link in a mail.')
    assert.equal(await button('Confirm the address').isVisible(), false)
    await picture('confirm-without')
  },

  /** Another link, opened in the tab where the page is, changes the fragment alone: nothing is loaded anew. */
  async 'same-tab'() {
    await register('first@example.com')
    await register('second@example.com')
    const [first, second] = [await resetLink('first@example.com'), await resetLink('second@example.com')]
    await open(first)
    await enter('the password of the first')
    await says('Your password is changed')
    await page.goto(second)
    await page.getByLabel('New password').waitFor()
    assert.equal(page.url(), gateway + RESET)
    assert.equal(await outcome.isVisible(), false)
    await enter('the password of the second')
    await says('Your password is changed')
    assert.ok(await signsIn('first@example.com', 'the password of the first'))
    assert.ok(await signsIn('second@example.com', 'the password of the second'))
  },

  async keyboard() {
    const email = 'keyboard@example.com'
    await register(email)
    await open(await resetLink(email))
    const ring = () => page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle)
    const press = (key) => page.keyboard.press(key)
    for (const [id, text] of [['password', 'by the keyboard'], ['again', 'by the keyboard'], ['Change the password', '']]) {
      await press('Tab')
      assert.deepEqual([await focused(), await ring()], [id, 'solid'])
      await page.keyboard.type(text)
    }
    await picture('keyboard')
    await press('Enter')
    await says('Your password is changed')
    assert.ok(await signsIn(email, 'by the keyboard'))
    await open(linkIn(await mailed(email, CONFIRM), CONFIRM))
    await press('Tab')
    assert.deepEqual([await focused(), await ring()], ['Confirm the address', 'solid'])
    await press('Space')
    // The reset has proven the address, and so used up what else would.
    await says('This link is not good any more')
  },

  async 'out-of-reach'() {
    await register('away@example.com')
    await open(await resetLink('away@example.com'))
    await context.setOffline(true)
    await enter('a much better password')
    await says('The server can’t be reached.')
    await context.setOffline(false)
    await button('Change the password').click()
    await says('Your password is changed')
  },

  async jar() {
    const email = 'jar@example.com'
    await page.goto(gateway + CONFIRM)
    await from(page, 'POST', '/auth/register', { email, password: PASSWORD }, 201)
    await assertJar()
    await from(page, 'GET', '/auth/me', undefined, 403)
    await from(page, 'POST', '/auth/login', { email, password: PASSWORD })
    const code = codeIn(await mailed(email, CONFIRM))
    await from(page, 'POST', '/auth/verify-email', { email, code })
    await assertJar()
    assert.equal((await from(page, 'GET', '/auth/me')).email, email)
    const before = await jar()
    await from(page, 'POST', '/auth/refresh')
    await assertJar()
    const names = (await jar()).filter(({ name, value }) => before.some((old) => old.name === name && old.value !== value))
    assert.equal(names.length, 2, 'both are new')
    assert.equal((await from(page, 'GET', '/auth/me')).email, email)
    await from(page, 'POST', '/auth/logout', undefined, 204)
    assert.deepEqual(await context.cookies(), [])
    await from(page, 'GET', '/auth/me', undefined, 401)
    await context.addCookies(before.map(({ path, ...cookie }) => ({ ...cookie, path })))
    await from(page, 'GET', '/auth/me', undefined, 401)
    await from(page, 'POST', '/auth/refresh', undefined, 401)
  },

  async 'two-tabs'() {
    await signedIn('tabs@example.com')
    const tabs = [page, await context.newPage(), await context.newPage()]
    await Promise.all(tabs.map((tab) => tab.goto(gateway + CONFIRM)))
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(tabs.map((tab) => from(tab, 'POST', '/auth/refresh')))
      await Promise.all(tabs.map((tab) => from(tab, 'GET', '/auth/me')))
    }
    for (const tab of tabs) await from(tab, 'POST', '/auth/refresh')
  },

  /** Of a page of another site the browser keeps the cookies back; of a sibling that is not configured it sends them. */
  async foreign() {
    const email = 'victim@example.com'
    await signedIn(email)
    await register('attacker@example.com')
    const login = { email: 'attacker@example.com', password: PASSWORD }
    const before = await jar()
    const hostile = await context.newPage()
    const posts = [['/auth/logout', undefined], ['/auth/logout', {}], ['/auth/refresh', undefined], ['/auth/refresh', {}], ['/auth/login', login]]
    for (const origin of new Set([foreign, foreign.replace('127.0.0.1', 'localhost')])) {
      for (const [path, body] of posts) {
        // Without the cookies, which are kept back from another site, there is nothing to refresh by.
        const refusals = path === '/auth/refresh' && new URL(origin).hostname === '127.0.0.1' ? [401, 415] : [403, 415]
        for (const way of ['fetch', 'form']) {
          await hostile.goto(`${origin}/`)
          const answered = hostile.waitForResponse((answer) => answer.url() === gateway + path)
          await hostile.evaluate(postBlindly, [gateway + path, body, way])
          const answer = await answered
          const status = answer.status()
          assert.ok(refusals.includes(status), `${origin} ${path} by ${way}: ${status}`)
          assert.equal((await answer.allHeaders())['set-cookie'], undefined)
          if (way === 'form') await hostile.waitForURL(gateway + path)
          assert.deepEqual(await jar(), before)
        }
        await hostile.goto(`${origin}/`)
        const asks = hostile.evaluate(call, [gateway + path, 'POST', body, 'include'])
        await assert.rejects(asks, /Failed to fetch/, 'it is not sent, or not read')
        assert.deepEqual(await jar(), before)
      }
      const reads = hostile.evaluate(call, [`${gateway}/auth/me`, 'GET', undefined, 'include'])
      await assert.rejects(reads, /Failed to fetch/, 'it is not read')
    }
    assert.equal((await from(page, 'GET', '/auth/me')).email, email)
    await from(page, 'POST', '/auth/refresh')
  },

  /** An app of the same site whose origin is configured. */
  async sibling() {
    const email = 'sibling@example.com'
    await page.goto(`${app}/`)
    const asks = (method, path, body, expected) => from(page, method, path, body, expected, 'include')
    await asks('POST', '/auth/register', { email, password: PASSWORD }, 201)
    await assertJar()
    const code = codeIn(await mailed(email, CONFIRM))
    await asks('POST', '/auth/verify-email', { email, code })
    assert.equal((await asks('GET', '/auth/me')).email, email)
    await asks('POST', '/auth/refresh')
    assert.equal((await asks('GET', '/auth/me')).email, email)
    await asks('POST', '/auth/logout', undefined, 204)
    assert.deepEqual(await context.cookies(), [])
    await asks('GET', '/auth/me', undefined, 401)
    await asks('POST', '/auth/refresh', undefined, 401)
    await asks('POST', '/auth/login', { email, password: PASSWORD })
    await assertJar()
    const before = await jar()
    await asks('POST', '/auth/refresh')
    await assertJar()
    assert.notDeepEqual(await jar(), before)
    assert.equal((await asks('GET', '/auth/me')).email, email)
    await asks('POST', '/auth/logout', undefined, 204)
    assert.deepEqual(await context.cookies(), [])
  },
}

const OF_PAGES = ['reset', 'confirm', 'same-tab', 'keyboard']
const complaints = []
page.on('console', (message) => {
  // A refusal is an answer: Chromium reports each one.
  const refusal = message.text().startsWith('Failed to load resource: the server responded with a status of 4')
  if (!refusal && ['error', 'warning'].includes(message.type())) complaints.push(message.text())
})
try {
  await flows[flow]()
  assert.deepEqual(faults, [])
  if (OF_PAGES.includes(flow)) {
    assert.deepEqual(complaints, [])
    const elsewhere = requests.filter((url) => new URL(url).origin !== gateway && url !== 'about:blank')
    assert.deepEqual(elsewhere, [], 'nobody else is asked')
    assert.ok(requests.every((url) => !url.includes('token=crp_') || url.includes('#')), 'no server sees the token')
  }
} finally {
  await browser.close()
}
