// A wallet as a page meets it (EIP-1193), over a key of the test.
import { privateKeyToAccount } from 'viem/accounts'

/** `asked` is what it was asked to sign; while `declines` is true, its person says no to that. */
export function injected(key) {
  const account = privateKeyToAccount(key)
  const answers = {
    // Wallets tell addresses in lower case.
    eth_requestAccounts: () => [account.address.toLowerCase()],
    eth_accounts: () => [account.address.toLowerCase()],
    eth_chainId: () => '0x1',
    personal_sign([raw]) {
      wallet.asked.push(Buffer.from(raw.slice(2), 'hex').toString())
      if (wallet.declines) throw Object.assign(new Error('User rejected the request.'), { code: 4001 })
      return account.signMessage({ message: { raw } })
    },
  }
  const wallet = {
    address: account.address,
    asked: [],
    declines: false,
    async request({ method, params }) {
      const answer = answers[method]
      if (!answer) throw Object.assign(new Error(`${method} is not supported`), { code: 4200 })
      return answer(params)
    },
  }
  return wallet
}
