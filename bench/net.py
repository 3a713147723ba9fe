"""What the HTTP client costs: requests over bare aiohttp, and its import over a bare Python. Prints ratios.

Both sides are measured in turn within one run, and the best of several rounds counts, so that a busy machine disturbs
both alike.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import aiohttp

from jackfield.net import HttpClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

REQUESTS = 200
ROUNDS = 5
STARTS = 9
BODY = b'{"ok": true}' * 20
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(ANSWER)
    except asyncio.IncompleteReadError:
        writer.close()


async def _seconds(ask: Callable[[str], Awaitable[bytes]], url: str) -> float:
    started = time.perf_counter()
    for _ in range(REQUESTS):
        if await ask(url) != BODY:
            raise SystemExit("the server's answer did not come through")
    return time.perf_counter() - started


async def requests_ratio() -> float:
    """Return the time of 200 GETs in a row through HttpClient over the same through aiohttp."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/models"
    ours, bare = [], []
    async with (
        server,
        HttpClient(env={}, user_agent="bench") as client,
        aiohttp.ClientSession(trust_env=False) as session,
    ):

        async def through_client(url: str) -> bytes:
            return (await client.request("GET", url, deadline_s=30)).body

        async def through_aiohttp(url: str) -> bytes:
            async with session.get(url) as response:
                return await response.read()

        for _ in range(ROUNDS):
            bare.append(await _seconds(through_aiohttp, url))
            ours.append(await _seconds(through_client, url))
    return min(ours) / min(bare)


def import_ratio() -> float:
    """Return the time of a Python that imports jackfield.net over that of one that imports nothing."""
    commands = {"bare": "pass", "net": "import jackfield.net"}
    best = dict.fromkeys(commands, float("inf"))
    for _ in range(STARTS):
        for name, code in commands.items():
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            best[name] = min(best[name], time.perf_counter() - started)
    return best["net"] / best["bare"]


def main() -> None:
    """Print one figure a line."""
    print(f"net: {REQUESTS} GETs through HttpClient over bare aiohttp: {asyncio.run(requests_ratio()):.2f}")
    print(f"net: import jackfield.net over bare Python: {import_ratio():.2f}")


if __name__ == "__main__":
    main()
