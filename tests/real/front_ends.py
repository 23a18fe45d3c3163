"""A script of SITE signs in by a file of examples/front-ends: python front_ends.py URL KEY FILES SITE NAME FLOW

FILES is their directory. Prints the version of the library.
"""

import sys
import time
from importlib.metadata import version
from urllib.parse import urlsplit

from eth_account import Account

url, key, files, site, name, flow = sys.argv[1:]
sys.path.insert(0, files)

from countersign import Gateway, Refusal  # noqa: E402

account = Account.from_key(key)
gateway = Gateway(url)
page = {"domain": urlsplit(site).netloc, "uri": site, "statement": "Welcome, and read (all of) it first."}
profile = f"/users/{account.address}/data"


def sign_in():
    if name == "siwe":
        from siwe_message import sign_in as sign_in_by_siwe

        return sign_in_by_siwe(gateway, account, **page)
    return gateway.sign_in(account, chainId=1, **page)


def refused(work):
    try:
        work()
    except Refusal as refusal:
        return refusal.code
    raise AssertionError("not refused")


if flow == "session":
    assert sign_in()["address"] == account.address
    assert gateway.call("GET", profile)["userAddress"] == account.address
    session = gateway.session
    gateway.sign_out()
    gateway.session = session
    assert refused(lambda: gateway.call("GET", profile)) == "session_ended"
elif flow == "lasting":
    # Access tokens are good for a second here.
    sign_in()
    token = gateway.session["token"]
    time.sleep(1.5)
    assert gateway.call("POST", profile, {"name": "Ada"})["name"] == "Ada"
    assert gateway.session["token"] != token
    time.sleep(1.5)
    gateway.sign_out()
    assert gateway.session is None
elif flow == "elsewhere":
    assert refused(sign_in) == "domain_not_allowed"
    assert gateway.session is None
else:
    raise SystemExit(f"no flow {flow}")

print(version(name))
