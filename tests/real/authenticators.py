"""An authenticator made of pyotp. Usage: authenticators.py <gateway> <otpauth URL> <a code that was used>"""

import sys
import time

import pyotp
import requests

gateway, url, used = sys.argv[1:]
own = pyotp.parse_uri(url)
assert isinstance(own, pyotp.TOTP) and own.digits == 6 and own.interval == 30, url
assert own.issuer == "Example & Co" and own.name == "trader1", (own.issuer, own.name)


def login(code):
    person = {"username": "trader1", "password": "correct horse battery", "otp": code}
    return requests.post(f"{gateway}/api/users/login", json=person, timeout=10)


# otplib showed it a moment ago; within a step of now both know it.
assert own.verify(used, valid_window=2), used
answer = login(used)
assert (answer.status_code, answer.json()["error"]) == (401, "invalid_code"), answer.text
answer = login(own.at(time.time() + 30))
assert answer.status_code == 200, answer.text
assert answer.json()["user"]["email"] == "trader+1@example.com", answer.text
print("in")
