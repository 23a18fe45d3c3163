// The page around a block of docs/wallets.md: imported first, it has in place what a browser, or the rest of the page, has.
import assert from 'node:assert/strict'
import { createWalletClient, custom } from 'viem'
import { injected } from './injected.mjs'
import { connectAppKit, thirdwebMessage } from './kits.mjs'

const ethereum = injected(process.env.KEY)
const sign = (message) =>
  createWalletClient({ transport: custom(ethereum) }).signMessage({ account: ethereum.address, message })
const seen = {}

Object.assign(globalThis, {
  window: { ethereum },
  location: new URL('https://app.example'),
  button: {},
  setStatus: (status) => (seen.status = status),
  setRefusal: (refusal) => (seen.refusal = refusal),
  createAppKit: ({ siwx }) => (seen.appKit = connectAppKit(ethereum, siwx)),
  adapters: [],
  networks: [],
  projectId: '',
})

/** What RainbowKit does with its adapter. */
export async function rainbowKit({ getNonce, createMessage, verify }) {
  const message = await createMessage({ nonce: await getNonce(), address: ethereum.address, chainId: 1 })
  assert.ok(await verify({ message, signature: await sign(message) }), seen.refusal)
  assert.equal(seen.status, 'authenticated')
}

/** What AppKit does once a wallet is connected. */
export async function appKit() {
  const { kit, told } = await seen.appKit
  await kit.SIWXUtil.requestSignMessage()
  assert.deepEqual(told, [])
}

/** What thirdweb does with the four functions. */
export async function thirdweb({ getLoginPayload, doLogin, isLoggedIn }) {
  const payload = await getLoginPayload({ address: ethereum.address, chainId: 1 })
  await doLogin({ payload, signature: await sign(thirdwebMessage(payload)) })
  assert.ok(await isLoggedIn(ethereum.address))
}
