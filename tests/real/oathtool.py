#!/usr/bin/env python3
"""As much of oathtool as docs/second-factor.md uses, for machines that lack it: --totp -b [-N "now + N seconds"] SECRET."""

import base64
import hashlib
import hmac
import re
import struct
import sys
import time

arguments = sys.argv[1:]
assert arguments[:2] == ["--totp", "-b"], arguments
later = 0
if arguments[2] == "-N":
    later = int(re.fullmatch(r"now \+ (\d+) seconds", arguments[3])[1])
tag = hmac.new(base64.b32decode(arguments[-1]), struct.pack(">Q", int(time.time() + later) // 30), hashlib.sha1).digest()
at = tag[19] & 15
print(f"{(struct.unpack('>I', tag[at:at + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}")
