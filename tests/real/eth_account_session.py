"""A whole session with eth-account, from the first nonce to the logout: python eth_account_session.py URL KEY text|bytes"""

import sys
from functools import partial

from eth_account import Account
from eth_account.messages import encode_defunct

import client

url, key, meaning = sys.argv[1:]
account = Account.from_key(key)
data = f"/users/{account.address}/data"
call = partial(client.call, url)


def sign(nonce):
    """Libraries disagree on what "sign this 0x string" means: its text, or the bytes that it stands for."""
    message = encode_defunct(text=nonce) if meaning == "text" else encode_defunct(hexstr=nonce)
    return account.sign_message(message).signature.to_0x_hex()


status, challenge = call("POST", "/users/nonce", {"address": account.address})
assert (status, challenge["address"]) == (200, account.address), challenge

proof = {"address": account.address, "signature": sign(challenge["nonce"])}
status, session = call("POST", "/users/authenticate", proof)
assert (status, session["address"]) == (200, account.address), session

status, refusal = call("POST", "/users/authenticate", proof)
assert (status, refusal["error"]) == (401, "nonce_used"), refusal

status, profile = call("GET", data, token=session["token"])
assert (status, profile["userAddress"], profile["name"]) == (200, account.address, ""), profile

status, profile = call("POST", data, {"name": "Zoë"}, token=session["token"])
assert (status, profile["name"], profile["intendedUse"]) == (200, "Zoë", ""), profile

status, refreshed = call("POST", "/users/refresh", {"refreshToken": session["refreshToken"]})
assert status == 200, refreshed

status, profile = call("GET", data, token=refreshed["token"])
assert (status, profile["name"]) == (200, "Zoë"), profile

_, free = call("GET", "/users/nonce")
proof = {"address": account.address, "signature": sign(free["nonce"]), "nonce": free["nonce"]}
status, again = call("POST", "/users/authenticate", proof)
assert status == 200, again

status, _ = call("POST", "/users/logout", token=refreshed["token"])
assert status == 204, status

for token in (session["token"], refreshed["token"]):
    status, refusal = call("GET", data, token=token)
    assert status == 401, refusal
status, refusal = call("POST", "/users/refresh", {"refreshToken": refreshed["refreshToken"]})
assert status == 401, refusal
