// A Countersign gateway and this page's session with it. No library; every other adapter here takes what `gateway`
// answers.

/** An answer of the gateway that is not a success. `message` is for the person, `code` for the program. */
export class Refusal extends Error {
  name = 'Refusal'

  /** @param {number} status @param {{ error?: string, detail?: string }} problem */
  constructor(status, { error, detail }) {
    super(detail ?? `The gateway answered with status ${status}. Try again in a moment.`)
    this.status = status
    this.code = error
  }
}

/** After these the session is over, whatever is kept of it. */
const ENDED = ['invalid_token', 'session_ended', 'invalid_refresh_token', 'refresh_token_reused', 'account_disabled']

/** @typedef {{ address: string, token: string, expiresAt: string, refreshToken: string }} Session */
/** @typedef {{ chainId?: number, domain?: string, uri?: string, statement?: string, resources?: string[], requestId?: string }} Wishes */
/** @typedef {ReturnType<typeof gateway>} Gateway */

/**
 * The gateway at `url`. The session is in this page's memory, so a reload signs out; hand over `sessionStorage` if it
 * has to outlive that, and mind that every script of your page can read it there.
 *
 * @param {string} url
 * @param {Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} [storage]
 */
export function gateway(url, storage = memory()) {
  const place = `countersign:${url}`
  /** @type {Promise<void> | undefined} */
  let refreshing

  const read = () => /** @type {Session | null} */ (JSON.parse(storage.getItem(place) ?? 'null'))
  const keep = (/** @type {Session} */ session) => storage.setItem(place, JSON.stringify(session))
  const forget = () => storage.removeItem(place)

  /** @param {string} method @param {string} path @param {unknown} [body] @param {string} [token] */
  async function send(method, path, body, token) {
    const headers = new Headers()
    if (body !== undefined) headers.set('content-type', 'application/json')
    if (token) headers.set('x-auth-token', token)
    const content = body === undefined ? null : JSON.stringify(body)
    const answer = await fetch(url + path, { method, headers, body: content, cache: 'no-store' })
    const text = await answer.text()
    if (answer.ok) return text ? JSON.parse(text) : null
    // What stands before a gateway may answer with a page of its own.
    const isProblem = answer.headers.get('content-type')?.startsWith('application/problem+json')
    throw new Refusal(answer.status, isProblem ? JSON.parse(text) : {})
  }

  async function refresh() {
    const session = read()
    if (!session) return
    keep({ ...session, ...(await send('POST', '/users/refresh', { refreshToken: session.refreshToken })) })
  }

  /** @param {string} method @param {string} path @param {unknown} [body] */
  async function attempt(method, path, body) {
    try {
      return await send(method, path, body, read()?.token)
    } catch (error) {
      if (codeOf(error) !== 'token_expired') throw error
      // Requests that run side by side share one exchange.
      refreshing ??= refresh().finally(() => (refreshing = undefined))
      await refreshing
      return send(method, path, body, read()?.token)
    }
  }

  return {
    /**
     * Sends a request of the person who is signed in, and answers its JSON. An access token that has run out is
     * exchanged on the way.
     * @param {string} method
     * @param {string} path
     * @param {unknown} [body]
     */
    async call(method, path, body) {
      try {
        return await attempt(method, path, body)
      } catch (error) {
        if (ENDED.includes(codeOf(error))) forget()
        throw error
      }
    },

    /** Who is signed in, or null. */
    get session() {
      return read()
    },

    /**
     * A nonce for a message of your own. Any wallet may sign it, so ask for it before the click.
     * @returns {Promise<{ nonce: string, expiresAt: string }>}
     */
    nonce: () => send('GET', '/users/nonce'),

    /**
     * A message that the gateway wrote, to be signed unchanged.
     * @param {string} address
     * @param {Wishes} [wishes]
     * @returns {Promise<{ address: string, nonce: string, message: string }>}
     */
    message: (address, wishes) => send('POST', '/users/nonce', { address, ...wishes }),

    /**
     * Opens the session.
     * @param {string} message
     * @param {string} signature
     * @returns {Promise<Session>}
     */
    async signIn(message, signature) {
      const session = await send('POST', '/users/authenticate', { message, signature })
      keep(session)
      return session
    },

    /** Ends the session, here and at the gateway. */
    async signOut() {
      if (!read()) return
      try {
        await attempt('POST', '/users/logout')
      } catch (error) {
        if (!ENDED.includes(codeOf(error))) throw error
      } finally {
        forget()
      }
    },
  }
}

const codeOf = (/** @type {unknown} */ error) => (error instanceof Refusal ? error.code : undefined) ?? ''

function memory() {
  /** @type {Map<string, string>} */
  const kept = new Map()
  return {
    getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: (/** @type {string} */ key, /** @type {string} */ value) => void kept.set(key, value),
    removeItem: (/** @type {string} */ key) => void kept.delete(key),
  }
}
