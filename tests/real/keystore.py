"""An encrypted key file as eth-account writes it when nothing else is said: python keystore.py KEY PASSWORD"""

import json
import sys

from eth_account import Account

key, password = sys.argv[1:]
print(json.dumps(Account.encrypt(key, password)))
