// What RainbowKit imports from here; a key in this process is the only wallet that a test connects.
export { injected, mock } from '@wagmi/core'

function absent() {
  throw new Error('the SDK of this wallet is not installed')
}

export {
  absent as baseAccount,
  absent as coinbaseWallet,
  absent as gemini,
  absent as metaMask,
  absent as porto,
  absent as safe,
  absent as walletConnect,
}
