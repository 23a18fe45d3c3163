// A person before the page of examples/dapp: node dapp.mjs FLOW PAGE GATEWAY KEY CHROMIUM PICTURES
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { fromHex } from 'viem'
import { generatePrivateKey, privateKeyToAccount, privateKeyToAddress } from 'viem/accounts'
import { parseSiweMessage, validateSiweMessage } from 'viem/siwe'

const [, , flow, page_url, gateway, key, executablePath, pictures] = process.argv
const account = privateKeyToAccount(key)
const QUIET = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
const OFFLINE = ['--disable-component-update', '--disable-sync']

/** The wallet, outside of the page: what it was asked to sign, and what it does about it. */
const wallet = { asked: [], refuses: {}, chain: '0x1' }

async function answer({ method, params }) {
  if (wallet.refuses[method]) return { error: wallet.refuses[method] }
  if (method === 'eth_requestAccounts') return { result: [account.address.toLowerCase()] }
  if (method === 'eth_chainId') return { result: wallet.chain }
  assert.equal(method, 'personal_sign')
  const [raw, address] = params
  assert.equal(address, account.address.toLowerCase())
  wallet.asked.push(fromHex(raw, 'string'))
  return { result: await account.signMessage({ message: { raw } }) }
}

/** Runs in the page: a wallet that announces itself as EIP-6963 says, with a name that tries to be markup. */
function announce() {
  const provider = {
    async request(request) {
      const { result, error } = await window.askWallet(request)
      if (error) throw Object.assign(new Error(error.message), error)
      return result
    },
  }
  const circle = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle cx="4.5" cy="4.5" r="4" fill="teal"/></svg>'
  const icon = `data:image/svg+xml,${encodeURIComponent(circle)}`
  const info = { uuid: '350670db-19fa-4704-a166-e52e178b59d2', name: 'Test <b>Wallet</b>', icon, rdns: 'example.wallet' }
  const say = () => {
    const detail = Object.freeze({ info, provider })
    window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }))
  }
  window.addEventListener('eip6963:requestProvider', say)
  say()
}

const browser = await chromium.launch({ executablePath, args: [...QUIET, ...OFFLINE] })
const page = await browser.newPage({ viewport: { width: 720, height: 760 } })
page.setDefaultTimeout(20_000)
const requested = new Set()
const paths = []
const faults = []
page.on('request', (request) => requested.add(new URL(request.url()).origin))
page.on('request', (request) => paths.push(new URL(request.url()).pathname))
page.on('pageerror', (error) => faults.push(error.message))

const button = (name) => page.getByRole('button', { name })
const status = page.getByRole('status')
const heading = (name) => page.getByRole('heading', { name })
const focused = () => page.evaluate(() => document.activeElement.id)
const says = (text) => status.filter({ hasText: text }).waitFor()

async function open({ withWallet = true } = {}) {
  await page.exposeFunction('askWallet', answer)
  if (withWallet) await page.addInitScript(announce)
  await page.goto(page_url)
}

async function connect() {
  await button('Test <b>Wallet</b>').click()
}

async function signIn() {
  await open()
  await connect()
  await says('You are signed in.')
}

async function picture(name) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    await page.screenshot({ path: join(pictures, `${name}-${colorScheme}.png`) })
  }
}

const flows = {
  async session() {
    await open()
    await button('Test <b>Wallet</b>').waitFor()
    await page.getByText(`names this page, ${new URL(page_url).host}.`).waitFor()
    await picture('signed-out')
    await connect()
    await says('You are signed in.')
    await heading('Your profile').waitFor()
    assert.equal(await focused(), 'profile')
    const message = parseSiweMessage(wallet.asked[0])
    const { origin, host } = new URL(page_url)
    assert.ok(validateSiweMessage({ message, address: account.address, domain: host }), wallet.asked[0])
    assert.deepEqual([message.uri, message.chainId], [origin, 1])
    await page.getByText(account.address).waitFor()
    assert.equal(await page.getByLabel('Name').inputValue(), '')

    await page.getByLabel('Name').fill('Zoë <script>')
    await page.getByLabel('Intended use').fill('trying it')
    await page.getByLabel('Name').press('Enter')
    await says('Your profile is saved.')
    assert.equal(await focused(), 'name')
    await picture('signed-in')

    await button('Refresh the session').click()
    await says('Your session has a fresh token.')
    await button('Sign out').click()
    await says('You are signed out.')
    assert.equal(await focused(), 'choose')
    assert.equal(await page.getByLabel('Name').isVisible(), false)

    await connect()
    await says('You are signed in.')
    assert.equal(await page.getByLabel('Name').inputValue(), 'Zoë <script>')
    assert.equal(await page.getByLabel('Intended use').inputValue(), 'trying it')
    const kept = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie])
    assert.deepEqual(kept, [0, 0, ''], 'tokens are in memory alone')
    assert.deepEqual([...requested].sort(), [new URL(page_url).origin, gateway].sort(), 'nobody else is asked')
  },

  async 'refusal-to-connect'() {
    wallet.refuses.eth_requestAccounts = { code: 4001, message: 'User rejected the request.' }
    await open()
    await connect()
    await says('You declined in your wallet, so nothing was signed.')
    wallet.refuses.eth_requestAccounts = { code: -32002, message: 'Already processing eth_requestAccounts.' }
    await connect()
    await says('Your wallet is already asking you something.')
    assert.equal(paths.includes('/users/authenticate'), false)
    wallet.refuses = {}
    await connect()
    await says('You are signed in.')
  },

  async 'refusal-to-sign'() {
    wallet.refuses.personal_sign = { code: 4001, message: 'MetaMask Message Signature: User denied message signature.' }
    await open()
    await connect()
    await says('You declined in your wallet, so nothing was signed. Choose the wallet again if you change your mind.')
    await picture('declined')
    assert.deepEqual(paths.filter((path) => path.startsWith('/users/')), ['/users/nonce'], 'nothing was sent after it')
    assert.equal(await page.getByLabel('Name').isVisible(), false)
    wallet.refuses.personal_sign = { code: -32603, message: 'The Ledger is locked' }
    await connect()
    await says('The Ledger is locked')
    assert.equal(paths.includes('/users/authenticate'), false)
    wallet.refuses = {}
    await connect()
    await says('You are signed in.')
  },

  /** Every sentence of the gateway is shown as any other; the wallet can then do what it says. */
  async 'refusal-of-the-gateway'() {
    wallet.chain = '0x539'
    await open()
    await connect()
    await says('Chain 1337 is not configured here; switch the wallet to another chain.')
    await picture('refused')
    assert.equal(await page.getByLabel('Name').isVisible(), false)
    wallet.chain = '0x1'
    await connect()
    await says('You are signed in.')
  },

  /** A wallet gets the addresses as the standard spells them. */
  async checksums() {
    await open()
    const addresses = Array.from({ length: 200 }, () => privateKeyToAddress(generatePrivateKey()))
    const spelled = await page.evaluate(async (addresses) => {
      const { checksummed } = await import('/siwe.js')
      return addresses.map((address) => checksummed(address.toLowerCase()))
    }, addresses)
    assert.deepEqual(spelled, addresses)
  },

  /** From the click to the wallet nothing is asked of the gateway, as long as the nonce is fresh. */
  async 'one-step'() {
    await Promise.all([page.waitForResponse(`${gateway}/users/nonce`), open()])
    wallet.refuses.personal_sign = { code: 4001, message: 'User rejected the request.' }
    const before = paths.length
    await connect()
    await says('You declined in your wallet')
    assert.equal(paths.length, before)
    const nonces = () => paths.filter((path) => path === '/users/nonce').length
    assert.equal(nonces(), 1)
    await page.clock.install()
    await page.clock.fastForward('09:30')
    await connect()
    await says('You declined in your wallet')
    assert.equal(nonces(), 2, 'one that is about to end is replaced')
  },

  async 'no-wallet'() {
    await open({ withWallet: false })
    await page.getByText('No wallet was found in this browser.').waitFor()
    await picture('no-wallet')
  },

  async 'old-token'() {
    await signIn()
    const refusals = []
    const body = JSON.stringify({ detail: 'the token has expired', error: 'token_expired' })
    await page.route(/\/data$/, async (route) => {
      if (route.request().method() !== 'POST' || refusals.length) return route.continue()
      refusals.push(route.request().headers()['x-auth-token'])
      const headers = { 'access-control-allow-origin': new URL(page_url).origin }
      return route.fulfill({ status: 401, contentType: 'application/problem+json', headers, body })
    })
    await page.getByLabel('Name').fill('Ada')
    const [retry] = await Promise.all([
      page.waitForRequest((request) => refusals.length > 0 && request.url().endsWith('/data')),
      button('Save').click(),
    ])
    await says('Your profile is saved.')
    assert.notEqual(retry.headers()['x-auth-token'], refusals[0], 'tried again with the next token')
  },

  async 'ended-session'() {
    await signIn()
    const token = page.waitForRequest((request) => request.method() === 'POST' && request.url().endsWith('/data'))
    await button('Save').click()
    const headers = { 'x-auth-token': (await token).headers()['x-auth-token'] }
    await says('Your profile is saved.')
    assert.equal((await fetch(`${gateway}/users/logout`, { method: 'POST', headers })).status, 204)
    await page.getByLabel('Name').fill('too late')
    await button('Save').click()
    await says('sign in again')
    await button('Test <b>Wallet</b>').waitFor()
    assert.equal(await page.getByLabel('Name').isVisible(), false)
  },

  /** For a page of another origin than those configured, and for a gateway that is not there. */
  async unreachable() {
    await open()
    await connect()
    await says(`The gateway at ${gateway} can’t be reached, or it does not let pages of ${new URL(page_url).origin}`)
    await picture('unreachable')
    assert.deepEqual(wallet.asked, [], 'nothing was to be signed')
    const read = await page.evaluate((url) => fetch(url).then(() => 'an answer', (error) => error.name), `${gateway}/healthz`)
    assert.equal(read, 'TypeError')
  },
}

try {
  await flows[flow]()
  assert.deepEqual(faults, [])
} finally {
  await browser.close()
}
