// Compiles the contracts of this directory: node compile.mjs FILE
// Writes to FILE, for each contract, the code that creates it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import solc from 'solc'

const here = (path) => new URL(path, import.meta.url)
const read = (path) => ({ content: readFileSync(here(path), 'utf8') })
const names = readdirSync(here('contracts'))

const input = {
  language: 'Solidity',
  sources: Object.fromEntries(names.map((name) => [name, read(`contracts/${name}`)])),
  settings: {
    evmVersion: 'cancun',
    optimizer: { enabled: true },
    outputSelection: { '*': { '*': ['evm.bytecode.object'] } },
  },
}
const imported = (path) => {
  const { content } = read(`node_modules/${path}`)
  return { contents: content }
}
const output = JSON.parse(solc.compile(JSON.stringify(input), { import: imported }))

const faults = output.errors?.filter(({ severity }) => severity === 'error') ?? []
if (faults.length > 0) throw new Error(faults.map(({ formattedMessage }) => formattedMessage).join('\n'))
for (const { formattedMessage } of output.errors ?? []) console.error(formattedMessage)

const codes = names.flatMap((name) => Object.entries(output.contracts[name])).map(([name, { evm }]) => [name, evm.bytecode.object])
writeFileSync(process.argv[2], JSON.stringify(Object.fromEntries(codes)))
