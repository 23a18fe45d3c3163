// What a chain says through viem, one question for each fact: node balances.mjs URL QUESTION
// QUESTION is JSON: {"owner", "spender", "tokens": [address …], "feeds": [address …]}, the lists may be left out.
// Prints JSON: integers as decimal strings, null for what can't be read. All of it is read at one block.
import { createPublicClient, erc20Abi, erc20Abi_bytes32, hexToString, http, parseAbi, trim } from 'viem'

const [, , url, question] = process.argv
const { owner, spender, tokens = [], feeds = [] } = JSON.parse(question)
const feedAbi = parseAbi([
  'function decimals() view returns (uint8)',
  'function latestRoundData() view returns (uint80, int256, uint256, uint256, uint80)',
])

const client = createPublicClient({ transport: http(url, { batch: { batchSize: 500 }, retryCount: 0 }) })
const blockNumber = await client.getBlockNumber()

const read = (address, abi, functionName, args) =>
  client.readContract({ address, abi, functionName, args, blockNumber }).catch(() => null)
const all = async (object) =>
  Object.fromEntries(await Promise.all(Object.entries(object).map(async ([name, value]) => [name, await value])))
const each = (addresses, facts) => all(Object.fromEntries(addresses.map((address) => [address, facts(address)])))

const symbolOf = async (token) => {
  const symbol = await read(token, erc20Abi, 'symbol')
  if (symbol !== null) return symbol
  const bytes = await read(token, erc20Abi_bytes32, 'symbol')
  return bytes && hexToString(trim(bytes, { dir: 'right' }))
}
const tokenFacts = (token) =>
  all({
    balance: read(token, erc20Abi, 'balanceOf', [owner]),
    allowance: spender && read(token, erc20Abi, 'allowance', [owner, spender]),
    decimals: read(token, erc20Abi, 'decimals'),
    symbol: symbolOf(token),
  })
const feedFacts = async (feed) => {
  const [round, decimals] = await Promise.all([read(feed, feedAbi, 'latestRoundData'), read(feed, feedAbi, 'decimals')])
  if (round === null) return null
  const [roundId, answer, startedAt, updatedAt, answeredInRound] = round
  return { decimals, roundId, answer, startedAt, updatedAt, answeredInRound }
}

const told = await all({
  chainId: client.getChainId(),
  blockNumber,
  native: owner && client.getBalance({ address: owner, blockNumber }),
  tokens: each(tokens, tokenFacts),
  feeds: each(feeds, feedFacts),
})
console.log(JSON.stringify(told, (_, value) => (typeof value === 'bigint' ? value.toString() : value)))
