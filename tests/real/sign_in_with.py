"""One sign-in with any library: python sign_in_with.py URL KEY NAME text|bytes

Prints what it signed in with, and the profile that it read.
"""

import json
import sys
from importlib.metadata import version

from eth_account import Account
from eth_account.messages import encode_defunct
from web3 import Web3

from client import call

url, key, name, meaning = sys.argv[1:]
library = {"eth-account": Account, "web3.py": Web3().eth.account}[name]
package = {"eth-account": "eth-account", "web3.py": "web3"}[name]
account = library.from_key(key)

_, challenge = call(url, "POST", "/users/nonce", {"address": account.address})
nonce = challenge["nonce"]
message = encode_defunct(text=nonce) if meaning == "text" else encode_defunct(hexstr=nonce)
signature = library.sign_message(message, key).signature.to_0x_hex()

status, session = call(url, "POST", "/users/authenticate", {"address": account.address, "signature": signature})
assert status == 200, session
status, profile = call(url, "GET", f"/users/{account.address}/data", token=session["token"])
assert status == 200, profile
assert profile["userAddress"] == account.address, profile

print(json.dumps({"version": version(package), "signed": meaning}))
