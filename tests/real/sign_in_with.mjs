// One sign-in with any library or program: node sign_in_with.mjs URL KEY NAME [PROGRAM]
// Prints what it signed in with, and whether that signed the nonce's text or the bytes that it encodes.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { verifyMessage } from 'viem'
import { call } from './client.mjs'

const [, , , key, name, program] = process.argv
const installed = (path) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url))
const versionOf = (directory) => JSON.parse(readFileSync(installed(`${directory}/package.json`), 'utf8')).version
const run = (file, ...words) => execFileSync(file, words, { encoding: 'utf8' }).trim()

/** Each answers its version, its address, and how it signs a message when nothing else is said. */
const clients = {
  async 'ethers 5'() {
    const { Wallet } = await import('ethers5')
    const wallet = new Wallet(key)
    return { version: versionOf('ethers5'), address: wallet.address, sign: (text) => wallet.signMessage(text) }
  },
  async 'ethers 6'() {
    const { Wallet } = await import('ethers')
    const wallet = new Wallet(key)
    return { version: versionOf('ethers'), address: wallet.address, sign: (text) => wallet.signMessage(text) }
  },
  async viem() {
    const { privateKeyToAccount } = await import('viem/accounts')
    const account = privateKeyToAccount(key)
    const sign = (text) => account.signMessage({ message: text })
    return { version: versionOf('viem'), address: account.address, sign }
  },
  async 'web3.js'() {
    const { Web3 } = await import('web3')
    const account = new Web3().eth.accounts.privateKeyToAccount(key)
    return { version: versionOf('web3'), address: account.address, sign: (text) => account.sign(text).signature }
  },
  async 'cast wallet sign'() {
    const cast = installed('.bin/cast')
    const address = run(cast, 'wallet', 'address', key)
    const sign = (text) => run(cast, 'wallet', 'sign', '--private-key', key, text)
    return { version: versionOf('@foundry-rs/cast-linux-amd64'), address, sign }
  },
  async 'alloy-signer-local'() {
    const sign = (text) => run(program, 'sign', key, text)
    return { version: run(program, 'version'), address: run(program, 'address', key), sign }
  },
}

const { version, address, sign } = await clients[name]()

const { nonce } = await call('POST', '/users/nonce', { body: { address } })
const signature = await sign(nonce)
const session = await call('POST', '/users/authenticate', { body: { address, signature } })
assert.equal(session.status, 200, session.detail)

const profile = await call('GET', `/users/${address}/data`, { token: session.token })
assert.equal(profile.status, 200, profile.detail)
assert.equal(profile.userAddress, address)

const isText = await verifyMessage({ address, message: nonce, signature })
const isBytes = await verifyMessage({ address, message: { raw: nonce }, signature })
assert.notEqual(isText, isBytes)
console.log(JSON.stringify({ version, signed: isText ? 'text' : 'bytes' }))
