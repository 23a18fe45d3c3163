// An authenticator made of otplib, which scans the picture with jsQR. Usage: authenticators.mjs <gateway>
// Registers, sets the second factor up, puts it in force, and prints what the next authenticator needs.
import jsqr from "jsqr";
import { generate, verify } from "otplib";

const [gateway] = process.argv.slice(2);

async function call(path, body, headers = {}) {
  const answer = await fetch(gateway + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${text}`);
  return JSON.parse(text);
}

// The SVG is squares on a white ground, which takes no more than this to paint.
function scan(dataUri) {
  const svg = Buffer.from(dataUri.split(",")[1], "base64").toString();
  const size = Number(/viewBox="0 0 (\d+)/.exec(svg)[1]);
  const pixels = new Uint8ClampedArray(size * size * 4).fill(255);
  for (const [, x, y, wide, high] of svg.matchAll(/M(\d+) (\d+)h(\d+)v(\d+)H\d+V\d+/g)) {
    for (let row = Number(y); row < Number(y) + Number(high); row++) {
      for (let column = Number(x); column < Number(x) + Number(wide); column++) {
        pixels.fill(0, (row * size + column) * 4, (row * size + column) * 4 + 3);
      }
    }
  }
  return jsqr.default ? jsqr.default(pixels, size, size).data : jsqr(pixels, size, size).data;
}

const person = { username: "trader1", email: "trader+1@example.com", password: "correct horse battery" };
await call("/api/users/register", person);
const opened = await call("/api/users/login", person);
const bearer = { authorization: `Bearer ${opened.session_token}` };
const setup = await call("/v1/auth/mfa/setup", undefined, bearer);

const scanned = new URL(scan(setup.qrCode));
if (scanned.href !== new URL(setup.qrCodeUrl).href) throw new Error(`the picture says ${scanned}`);
const secret = scanned.searchParams.get("secret");
if (secret !== setup.secretKey) throw new Error("the secret to type in is another one");
const token = await generate({
  secret,
  algorithm: scanned.searchParams.get("algorithm").toLowerCase(),
  digits: Number(scanned.searchParams.get("digits")),
  period: Number(scanned.searchParams.get("period")),
});
if (!(await verify({ secret, token })).valid) throw new Error("otplib disagrees with itself");
const verified = await call("/v1/auth/mfa/verify", { code: token }, bearer);
if (verified.isValid !== true) throw new Error(JSON.stringify(verified));
process.stdout.write(JSON.stringify({ url: setup.qrCodeUrl, used: token }));
