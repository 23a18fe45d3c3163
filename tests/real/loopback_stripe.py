"""localstripe on loopback alone: its own command listens on all interfaces. argv: the port."""
import sys

from aiohttp import web
from localstripe.server import app

web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=lambda _: print("ready", flush=True))
