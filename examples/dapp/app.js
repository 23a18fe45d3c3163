// Signs in to a Countersign gateway with a browser wallet. The tokens live in this page's memory and nowhere else.
import { hexOf, messageOf } from './siwe.js'

const GATEWAY = 'http://localhost:8080'
const STATEMENT = 'Sign in to the Countersign example.'

const $ = (id) => document.getElementById(id)
let session = null // { address, token, expiresAt, refreshToken }
let challenge = null // { nonce, expiresAt }: good for any wallet, and for one sign-in
let asking = null // the request for the next one

/** An answer of the gateway that is not a success; its message is for the person. */
class Refusal extends Error {
  constructor(problem) {
    super(problem.detail)
    this.code = problem.error
  }
}

// ---- the gateway

/** Sends a request and answers its JSON, if any. */
async function call(method, path, body, token) {
  const headers = {}
  if (body) headers['content-type'] = 'application/json'
  if (token) headers['x-auth-token'] = token
  let answer
  try {
    answer = await fetch(GATEWAY + path, { method, headers, body: body && JSON.stringify(body), cache: 'no-store' })
  } catch {
    // A browser does not tell a page which of the two it was.
    throw new Error(
      `The gateway at ${GATEWAY} can’t be reached, or it does not let pages of ${location.origin} call it (cors_origins).`,
    )
  }
  const text = await answer.text()
  if (answer.ok) return text ? JSON.parse(text) : null
  throw new Refusal(problemOf(answer.status, text))
}

/** What stands before a gateway may answer something else than a problem document. */
function problemOf(status, text) {
  try {
    const problem = JSON.parse(text)
    if (problem.detail) return problem
  } catch {
    // Not JSON.
  }
  return { detail: `The gateway answered with status ${status}. Try again in a moment.` }
}

/** The same with the access token; one that has run out is exchanged on the way, once. */
async function callSignedIn(method, path, body) {
  try {
    return await call(method, path, body, session.token)
  } catch (error) {
    if (error.code !== 'token_expired') throw error
    await refresh()
    return call(method, path, body, session.token)
  }
}

/**
 * A nonce that is good for another minute. It is asked for before the click, so that nothing stands between the click
 * and the wallet: on a phone a wallet may only open while the click is fresh.
 */
async function goodNonce() {
  if (!challenge || Date.parse(challenge.expiresAt) < Date.now() + 60_000) {
    asking ??= call('GET', '/users/nonce').finally(() => (asking = null))
    challenge = await asking
  }
  return challenge.nonce
}

async function signIn(wallet) {
  const nonce = await goodNonce()
  const [address] = await wallet.request({ method: 'eth_requestAccounts' })
  const chainId = Number(await wallet.request({ method: 'eth_chainId' }))
  const message = messageOf({ address, chainId, nonce, statement: STATEMENT })
  const signature = await wallet.request({ method: 'personal_sign', params: [hexOf(message), address] })
  // Whatever comes of it, the next sign-in gets another one.
  challenge = null
  session = await call('POST', '/users/authenticate', { message, signature })
}

async function refresh() {
  session = { ...session, ...(await call('POST', '/users/refresh', { refreshToken: session.refreshToken })) }
  showSession()
}

/** Asks ahead. If that fails it is tried again, and told, at the click. */
const prepare = () => goodNonce().catch(() => {})

const profilePath = () => `/users/${session.address}/data`

// ---- what the person sees

const ENDED = ['session_ended', 'invalid_token', 'invalid_refresh_token', 'refresh_token_reused', 'account_disabled']

/** Errors of a wallet (EIP-1193) and of the gateway, in the person's words. */
function inWords(error) {
  if (error.code === 4001) {
    return 'You declined in your wallet, so nothing was signed. Choose the wallet again if you change your mind.'
  }
  if (error.code === -32002) return 'Your wallet is already asking you something. Open it and answer there.'
  if (error instanceof Refusal) return sentence(error.message)
  return error.message || 'The wallet did not say what went wrong.'
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.')

function say(text, kind = 'good') {
  $('status').textContent = text
  $('status').dataset.kind = kind
}

/** Does one thing at a time, and tells how it went. */
async function attempt(doing, work, done) {
  const controls = document.querySelectorAll('button, input, textarea')
  const focused = document.activeElement
  controls.forEach((control) => (control.disabled = true))
  say(doing, 'busy')
  try {
    await work()
    say(done)
  } catch (error) {
    if (ENDED.includes(error.code)) endSession()
    say(inWords(error), 'bad')
  }
  document.querySelectorAll('button, input, textarea').forEach((control) => (control.disabled = false))
  // A disabled control loses the focus; one that is gone hands it to the heading of what came instead.
  if (focused?.isConnected && focused.offsetParent) focused.focus()
  else $(session ? 'profile' : 'choose').focus()
}

function showSession() {
  $('signed-out').hidden = Boolean(session)
  $('signed-in').hidden = !session
  if (!session) return
  const end = new Date(session.expiresAt)
  $('address').textContent = session.address
  $('expires').dateTime = session.expiresAt
  $('expires').textContent = end.toLocaleTimeString()
}

function showProfile(profile) {
  $('name').value = profile.name
  $('use').value = profile.intendedUse
}

function endSession() {
  session = null
  $('edit').reset()
  showSession()
  prepare()
}

function connect({ info, provider }) {
  const work = async () => {
    await signIn(provider)
    showSession()
    showProfile(await callSignedIn('GET', profilePath()))
  }
  return attempt(`Waiting for ${info.name} …`, work, 'You are signed in.')
}

$('edit').addEventListener('submit', (event) => {
  event.preventDefault()
  const changes = { name: $('name').value, intendedUse: $('use').value }
  attempt('Saving …', async () => showProfile(await callSignedIn('POST', profilePath(), changes)), 'Your profile is saved.')
})

$('refresh').addEventListener('click', () => attempt('Refreshing …', refresh, 'Your session has a fresh token.'))

$('sign-out').addEventListener('click', () => {
  const work = async () => {
    await callSignedIn('POST', '/users/logout')
    endSession()
  }
  attempt('Signing out …', work, 'You are signed out.')
})

$('site').textContent = location.host
prepare()

// ---- the wallets of this browser (EIP-6963)

const known = new Set()

window.addEventListener('eip6963:announceProvider', ({ detail }) => {
  // Wallets announce themselves again whenever anybody asks.
  if (known.has(detail.info.uuid)) return
  known.add(detail.info.uuid)
  const button = document.createElement('button')
  button.type = 'button'
  // As an image, never as markup: an icon is the wallet's own SVG.
  const icon = new Image(28, 28)
  icon.src = detail.info.icon
  icon.alt = ''
  button.append(icon, detail.info.name)
  button.addEventListener('click', () => connect(detail))
  const item = document.createElement('li')
  item.append(button)
  $('wallets').append(item)
  $('no-wallet').hidden = true
})

window.dispatchEvent(new Event('eip6963:requestProvider'))
// Wallets answer at once; one that is still being loaded announces itself whenever it is ready.
setTimeout(() => ($('no-wallet').hidden = known.size > 0), 300)
