"""What speech without any other program costs: the service ready, its first byte, a request when it is warm.

The service runs in its own process, as it does for users, and is asked over loopback. Run it with
`python -m bench.embedded_speech`; it needs the extra `voice`.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from bench._measure import MILLISECOND, compile_package, in_unit, interleaved, show, show_ratio

from jackfield.voice.engines.launcher import EmbeddedSpeech

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUNDS = 15
AT_ONCE = 16

SENTENCE = "Hello world, this is a test of the voice."
LONG = "This is one of many sentences that are said one after the other. " * 60
COMMANDS = "turn on the light\nturn off the light\nopen the door\nplay some music"


class Client:
    """One kept connection to a service."""

    def __init__(self, url: str, token: str) -> None:
        host = url.split("/")[2]
        self._connection = http.client.HTTPConnection(host, timeout=60)
        self._headers = {"Authorization": f"Bearer {token}"}

    def ask(self, path: str, body: bytes | None = None, kind: str = "") -> tuple[float, bytes]:
        """Return the seconds until the first bytes of the body, and the whole body."""
        start = time.perf_counter()
        method = "GET" if body is None else "POST"
        self._connection.request(method, path, body, self._headers | ({"Content-Type": kind} if kind else {}))
        response = self._connection.getresponse()
        data = response.read1(1024)
        first = time.perf_counter() - start
        data += response.read()
        if response.status != 200:
            raise SystemExit(f"{path} answered {response.status}: {data.decode(errors='replace')}")
        return first, data

    def say(self, text: str, kind: str) -> tuple[float, bytes]:
        """Ask for speech in one format."""
        body = json.dumps({"input": text, "response_format": kind}).encode()
        return self.ask("/v1/audio/speech", body, "application/json")

    def hear(self, file: bytes) -> bytes:
        """Ask for what is said in a file."""
        fields = (('name="grammar"', COMMANDS.encode()), ('name="file"; filename="a.wav"', file))
        parts = [f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data for head, data in fields]
        body = b"\r\n".join([*parts, b"--b--\r\n"])
        return self.ask("/v1/audio/transcriptions", body, "multipart/form-data; boundary=b")[1]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def main() -> None:
    compile_package()
    _start()
    asyncio.run(_served())


def _start() -> None:
    """From nothing to ready, and to the first sentence as a file, in turns with a bare interpreter."""
    bare, ready, said = [], [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run((sys.executable, "-I", "-S", "-c", "0"), check=True)
        bare.append(time.perf_counter() - start)
        at_ready, at_said = asyncio.run(_to_first())
        ready.append(at_ready)
        said.append(at_said)
    base = statistics.median(bare)
    for name, times in (("ready", ready), ("one sentence from nothing", said)):
        show_ratio(f"embedded speech: {name}", statistics.median(times), base, MILLISECOND, of="bare Python")


async def _to_first() -> tuple[float, float]:
    """Return the seconds from the start of the process until it is ready, and until its first sentence is here."""
    start = time.perf_counter()
    async with EmbeddedSpeech() as service:
        ready = time.perf_counter() - start
        client = Client(service.base_url, service.token)
        await asyncio.to_thread(client.say, SENTENCE, "wav")
        client.close()
        return ready, time.perf_counter() - start


async def _served() -> None:
    async with EmbeddedSpeech() as service:
        await asyncio.to_thread(_warm, service.base_url, service.token)


def _warm(url: str, token: str) -> None:
    client = Client(url, token)
    kinds = ("wav", "pcm", "flac", "mp3")
    for kind in kinds:
        client.say(SENTENCE, kind)
    runs = {kind: partial(client.say, SENTENCE, kind) for kind in kinds}
    times = interleaved({"health": partial(client.ask, "/health"), **runs}, ROUNDS)
    for kind in kinds:
        show_ratio(
            f"embedded speech: a warm sentence as {kind}", times[kind], times["health"], MILLISECOND, of="/health"
        )
    for kind in ("wav", "pcm", "mp3"):
        _first_byte(client, kind)
    file = client.say("turn on the light", "wav")[1]
    client.hear(file)
    heard = interleaved({"hear": partial(client.hear, file)}, ROUNDS)
    seconds = (len(file) - 44) / 44_100
    raw = f"{in_unit(heard['hear'], MILLISECOND)} for {seconds:.2f} s of sound"
    show("embedded speech: a command heard, of its length", f"{heard['hear'] / seconds:.3f}x", None, raw)
    client.close()
    _many(url, token)


def _first_byte(client: Client, kind: str) -> None:
    firsts, wholes = [], []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        firsts.append(client.say(LONG, kind)[0])
        wholes.append(time.perf_counter() - start)
    first, whole = statistics.median(firsts), statistics.median(wholes)
    show_ratio(f"embedded speech: first byte over a whole long {kind}", first, whole, MILLISECOND, of="whole")


def _many(url: str, token: str) -> None:
    """Sixteen clients at once over one, for the same number of sentences."""
    clients = [Client(url, token) for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:

        def at_once() -> None:
            list(pool.map(lambda client: client.say(SENTENCE, "wav"), clients))

        def in_turn() -> None:
            for client in clients:
                client.say(SENTENCE, "wav")

        times: Mapping[str, float] = interleaved({"turn": in_turn, "once": at_once}, ROUNDS)
    show_ratio(f"embedded speech: {AT_ONCE} sentences at once", times["once"], times["turn"], MILLISECOND, of="in turn")
    for client in clients:
        client.close()


if __name__ == "__main__":
    main()
