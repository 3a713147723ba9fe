"""One HTTP client for everything: checked URLs, secrets bound to an origin, proxies, CA files, limits, deadlines.

Importing this package imports neither aiohttp nor ssl nor asyncio: they come with the first client that is opened.
"""

from jackfield.net.client import HttpClient, Stream
from jackfield.net.message import BoundAuth, Headers, Response
from jackfield.net.sync import run_sync
from jackfield.net.url import Origin, check_base_url, origin_of

__all__ = [
    "BoundAuth",
    "Headers",
    "HttpClient",
    "Origin",
    "Response",
    "Stream",
    "check_base_url",
    "origin_of",
    "run_sync",
]
