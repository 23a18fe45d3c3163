// A page of SITE signs in by an adapter of examples/front-ends: node front_ends.mjs URL KEY ADAPTERS SITE NAME FLOW
// ADAPTERS is the directory of the adapters, with their packages at hand. Prints the version of the library.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { createWalletClient, custom } from 'viem'
import { parseSiweMessage, validateSiweMessage } from 'viem/siwe'
import { injected } from './injected.mjs'
import { connectAppKit, thirdwebMessage } from './kits.mjs'

const [, , url, key, directory, origin, name, flow] = process.argv
const adapter = (file) => import(pathToFileURL(join(directory, file)))
const site = { origin, host: new URL(origin).host }
const statement = 'Welcome, and read (all of) it first.'
const wallet = injected(key)
const { gateway: open, Refusal } = await adapter('countersign.mjs')
const storage = new Map()
const page = () => open(url, {
  getItem: (name) => storage.get(name) ?? null,
  setItem: (name, value) => storage.set(name, value),
  removeItem: (name) => storage.delete(name),
})
const gateway = flow === 'lasting' ? page() : open(url)

/**
 * What the library itself does with its adapter: `signIn` throws if it does not. With `askedLast` the gateway writes the
 * message, so it refuses before the person is asked.
 */
const frontEnds = {
  async viem() {
    const { signIn } = await adapter('viem.mjs')
    return { package: 'viem', askedLast: true, signIn: () => signIn(gateway, viemClient(), { statement, site }) }
  },

  async 'viem, one step'() {
    const { connectAndSign } = await adapter('viem.mjs')
    const { nonce } = await gateway.nonce()
    return { package: 'viem', signIn: () => connectAndSign(gateway, viemClient(), { nonce, statement, site }) }
  },

  async ethers() {
    const { signIn } = await adapter('ethers.mjs')
    const provider = await ethersProvider()
    return { package: 'ethers', askedLast: true, signIn: () => signIn(gateway, provider, { statement, site }) }
  },

  async siwe() {
    const { signIn } = await adapter('siwe.mjs')
    const { nonce } = await gateway.nonce()
    const provider = await ethersProvider()
    return { package: 'siwe', signIn: () => signIn(gateway, provider, { nonce, statement, site }) }
  },

  /** The steps of RainbowKit's own sign-in, which needs a page. It shows nothing of what `verify` throws. */
  async RainbowKit() {
    const { authenticationAdapter } = await adapter('rainbowkit.mjs')
    const seen = { status: 'unauthenticated', refusal: null }
    const { getNonce, createMessage, verify, signOut } = authenticationAdapter(gateway, {
      onStatus: (status) => (seen.status = status),
      onRefusal: (refusal) => (seen.refusal = refusal),
      statement,
      site,
    })
    const nonce = await getNonce()
    async function signIn() {
      const message = await createMessage({ nonce, address: wallet.address, chainId: 1 })
      const signature = await viemClient().signMessage({ account: wallet.address, message })
      const verified = await verify({ message, signature })
      assert.equal(seen.status, verified ? 'authenticated' : 'unauthenticated')
      if (!verified) throw seen.refusal
    }
    async function leave() {
      await signOut()
      assert.equal(seen.status, 'unauthenticated')
    }
    return { package: '@rainbow-me/rainbowkit', signIn, signOut: leave }
  },

  /** AppKit's own code calls the adapter. What goes wrong it tells the console alone. */
  async 'Reown AppKit'() {
    const { kit, told } = await appKit()
    async function signIn() {
      told.length = 0
      await kit.SIWXUtil.requestSignMessage()
      if (told.length) throw told[0]
      assert.equal(await kit.SIWXUtil.isAuthenticated(), true)
    }
    async function signOut() {
      await kit.SIWXUtil.clearSessions()
      assert.equal(await kit.SIWXUtil.isAuthenticated(), false)
    }
    return { package: '@reown/appkit-controllers', askedLast: true, signIn, signOut }
  },

  /** Connecting and signing in one step: WalletConnect writes the message, one for each chain. */
  async 'Reown AppKit, one step'() {
    const { kit, told } = await appKit()
    const { createEncodedRecap, formatMessage } = await import('@walletconnect/utils')
    const client = { formatAuthMessage: ({ request, iss }) => formatMessage(request, iss) }
    async function authenticate({ chains, methods, uri, ...asked }) {
      // What the wallet is to be allowed (ERC-5573), which the gateway neither refuses nor grants.
      const request = { ...asked, resources: [createEncodedRecap('eip155', 'request', methods)] }
      const auths = chains.map(async (chain) => {
        const p = { ...request, aud: uri, iss: `did:pkh:${chain}:${wallet.address}` }
        const message = formatMessage(p, p.iss)
        const s = await viemClient().signMessage({ account: wallet.address, message })
        return { h: { t: 'caip122' }, p, s: { t: 'eip191', s } }
      })
      return { session: { peer: { metadata: { name: 'A wallet', icons: [] } } }, auths: await Promise.all(auths) }
    }
    const universalProvider = { client, authenticate, async disconnect() {} }
    async function signIn() {
      told.length = 0
      const chains = ['eip155:1', 'eip155:10']
      await kit.SIWXUtil.universalProviderAuthenticate({ universalProvider, chains, methods: ['eth_sendTransaction'] })
      if (told.length) throw told[0]
      assert.equal(await kit.SIWXUtil.isAuthenticated(), true)
    }
    const signOut = () => kit.SIWXUtil.clearSessions()
    return { package: '@reown/appkit-controllers', askedLast: true, signIn, signOut }
  },

  async thirdweb() {
    const { auth } = await adapter('thirdweb.mjs')
    const { getLoginPayload, doLogin, isLoggedIn, doLogout } = auth(gateway, { statement, site })
    async function signIn() {
      const payload = await getLoginPayload({ address: wallet.address, chainId: 1 })
      const message = thirdwebMessage(payload)
      const signature = await viemClient().signMessage({ account: wallet.address, message })
      await doLogin({ payload, signature })
      assert.equal(await isLoggedIn(wallet.address.toLowerCase()), true)
    }
    async function signOut() {
      await doLogout()
      assert.equal(await isLoggedIn(wallet.address), false)
    }
    return { version: '5.121.6', signIn, signOut }
  },
}

function viemClient() {
  return createWalletClient({ transport: custom(wallet) })
}

async function ethersProvider() {
  const { BrowserProvider } = await import('ethers')
  return new BrowserProvider(wallet)
}

async function appKit() {
  const { siwx } = await adapter('appkit.mjs')
  return connectAppKit(wallet, siwx(gateway, { statement, site }))
}

const frontEnd = await frontEnds[name]()
const profile = `/users/${wallet.address}/data`

const flows = {
  async session() {
    await frontEnd.signIn()
    assertMessages()
    assert.equal(gateway.session.address, wallet.address)
    const { userAddress } = await gateway.call('GET', profile)
    assert.equal(userAddress, wallet.address)
    const { token } = gateway.session
    await (frontEnd.signOut ?? gateway.signOut)()
    assert.equal(gateway.session, null)
    const late = await fetch(url + profile, { headers: { 'x-auth-token': token } })
    assert.equal((await late.json()).error, 'session_ended')
  },

  async declined() {
    wallet.declines = true
    await assert.rejects(frontEnd.signIn, (error) => !(error instanceof Refusal))
    assert.ok(wallet.asked.length > 0)
    assert.equal(gateway.session, null)
    // Nothing was spent: the person may think again.
    wallet.declines = false
    await frontEnd.signIn()
    assert.equal(gateway.session.address, wallet.address)
  },

  /** Access tokens are good for a second here. */
  async lasting() {
    await frontEnd.signIn()
    const first = gateway.session
    const reloaded = page()
    assert.deepEqual(reloaded.session, first)
    await sleep(1500)
    const both = await Promise.all([reloaded.call('GET', profile), reloaded.call('POST', profile, { name: 'Ada' })])
    assert.deepEqual(both.map(({ userAddress }) => userAddress), [wallet.address, wallet.address])
    assert.notEqual(reloaded.session.token, first.token)
    assert.equal(gateway.session.token, reloaded.session.token, 'every tab has the next one')

    await sleep(1500)
    const kept = new Map(storage)
    await gateway.signOut()
    assert.equal(reloaded.session, null)
    for (const entry of kept) storage.set(...entry)
    await assert.rejects(reloaded.call('GET', profile), { code: 'session_ended' })
    assert.equal(reloaded.session, null, 'what has ended is forgotten')
    await assert.rejects(reloaded.call('GET', profile), { code: 'not_authenticated' })
    await reloaded.signOut()
  },

  async elsewhere() {
    await assert.rejects(frontEnd.signIn, { name: 'Refusal', code: 'domain_not_allowed' })
    assert.equal(wallet.asked.length === 0, frontEnd.askedLast ?? false)
    assert.equal(gateway.session, null)
  },
}

/** A wallet shows its own screen for a sign-in only if the message is one to the letter, of the page that asks. */
function assertMessages() {
  for (const text of wallet.asked) {
    const message = parseSiweMessage(text)
    assert.ok(validateSiweMessage({ message, address: wallet.address, domain: site.host }), text)
    assert.equal(message.uri, origin)
    assert.ok(message.statement.startsWith(statement), text)
  }
}

await flows[flow]()
const versionOf = (name) => JSON.parse(readFileSync(join(directory, 'node_modules', name, 'package.json'), 'utf8')).version
console.log(frontEnd.version ?? versionOf(frontEnd.package))
// Libraries leave timers behind.
process.exit(0)
