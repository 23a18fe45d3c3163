// The message that a wallet signs (EIP-4361), and the spelling of addresses that it asks for (EIP-55).

/** A sign-in to the site that this page is of. */
export function messageOf({ address, chainId, nonce, statement }) {
  return [
    // Wallets compare this with the page that asks, and warn of any other.
    `${location.host} wants you to sign in with your Ethereum account:`,
    checksummed(address),
    '',
    statement,
    '',
    `URI: ${location.origin}`,
    'Version: 1',
    `Chain ID: ${chainId}`,
    `Nonce: ${nonce}`,
    `Issued At: ${new Date().toISOString()}`,
  ].join('\n')
}

/** What `personal_sign` takes: a plain text could be taken for bytes in hex. */
export function hexOf(text) {
  return '0x' + Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * An address with its EIP-55 checksum. Wallets tell it in lower case, but some show a message as the sign-in that it is
 * only with the checksum.
 */
export function checksummed(address) {
  const digits = address.slice(2).toLowerCase()
  const hash = keccak256(new TextEncoder().encode(digits))
  const upper = (index) => (hash[index >> 1] >> (index % 2 ? 0 : 4)) & 8
  return '0x' + Array.from(digits, (digit, index) => (upper(index) ? digit.toUpperCase() : digit)).join('')
}

/** Keccak-256 of less than 136 bytes. It is for a checksum: nothing secret goes in. */
function keccak256(bytes) {
  const block = new Uint8Array(136)
  block.set(bytes)
  block[bytes.length] ^= 0x01
  block[135] ^= 0x80
  // Lane (x, y) is at x + 5 * y.
  const lanes = Array(25).fill(0n)
  const view = new DataView(block.buffer)
  for (let lane = 0; lane < 17; lane++) lanes[lane] = view.getBigUint64(lane * 8, true)
  permute(lanes)
  lanes.slice(0, 4).forEach((lane, index) => view.setBigUint64(index * 8, lane, true))
  return block.subarray(0, 32)
}

/** Keccak-f[1600]. */
function permute(lanes) {
  const rotated = (lane, by) => BigInt.asUintN(64, (lane << BigInt(by)) | (lane >> BigInt(64 - by)))
  let register = 1
  for (let round = 0; round < 24; round++) {
    const columns = [0, 1, 2, 3, 4].map((x) => [0, 5, 10, 15, 20].reduce((sum, y) => sum ^ lanes[x + y], 0n))
    const mixed = columns.map((_, x) => columns[(x + 4) % 5] ^ rotated(columns[(x + 1) % 5], 1))
    for (let lane = 0; lane < 25; lane++) lanes[lane] ^= mixed[lane % 5]

    let [x, y] = [1, 0]
    let moving = lanes[x]
    for (let step = 1; step <= 24; step++) {
      ;[x, y] = [y, (2 * x + 3 * y) % 5]
      const place = x + 5 * y
      ;[moving, lanes[place]] = [lanes[place], rotated(moving, ((step * (step + 1)) / 2) % 64)]
    }

    for (let row = 0; row < 25; row += 5) {
      const old = lanes.slice(row, row + 5)
      for (let x = 0; x < 5; x++) lanes[row + x] = old[x] ^ (BigInt.asUintN(64, ~old[(x + 1) % 5]) & old[(x + 2) % 5])
    }

    for (let bit = 0; bit < 7; bit++) {
      register = ((register << 1) ^ ((register >> 7) * 0x71)) & 0xff
      if (register & 2) lanes[0] ^= 1n << BigInt(2 ** bit - 1)
    }
  }
}
