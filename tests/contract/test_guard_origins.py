"""G10: this program and Node.js agree on where a base URL leads, for every URL that is accepted."""

from __future__ import annotations

import json
import shutil
import subprocess
from itertools import product
from pathlib import Path
from random import Random

import pytest

from jackfield.errors import RequestError
from jackfield.net import check_base_url, origin_of

FOLDER = Path(__file__).parent.parent / "data" / "guard"
NODE = shutil.which("node")
SCRIPT = """
const urls = JSON.parse(require("fs").readFileSync(0, "utf8"));
const read = (url) => { try { const u = new URL(url); return [u.origin, u.href]; } catch { return null; } };
process.stdout.write(JSON.stringify(urls.map(read)));
"""
PARTS = (
    "https://",
    "http://",
    "HTTPS:",
    "/",
    "\\",
    "@",
    ":",
    "api.acme.test",
    "Evil.Test",
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "localhost",
    "[::1]",
    "[2001:DB8:0:0::1]",
    "192.168.0.1",
    "443",
    "80",
    "8443",
    "0",
    "v1",
    "..",
    "%2e",
    "%41",
    "?",
    "#",
    "\t",
    " ",
    "\u3002",
    "\uff41",
    "_x",
    "~",
    ";",
    "'",
)


def corpus() -> list[str]:
    """Return every base URL of the hostile cases, and URLs put together at random from telling parts."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        for case in json.loads(path.read_text(encoding="utf-8"))["cases"]:
            found += _urls(json.loads(case["text"])) if _is_json(case.get("text", "")) else []
    random = Random(7)
    found += [
        random.choice(("https://", "http://", "")) + "".join(random.choices(PARTS, k=random.randint(1, 5)))
        for _ in range(4000)
    ]
    hosts = (
        "API.acme.test",
        "a-b.c_d.test",
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[2001:DB8:0:0::1]",
        "192.168.0.1",
        "1a.test",
    )
    ports = ("", ":80", ":443", ":8443")
    paths = ("", "/", "/v1", "/V1/", "/a;b=c/%41~'", "/a:b@c")
    found += ["".join(parts) for parts in product(("https://", "HTTP://"), hosts, ports, paths)]
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _urls(value: object) -> list[str]:
    if isinstance(value, dict):
        own = [value["baseUrl"]] if isinstance(value.get("baseUrl"), str) else []
        return own + [url for item in value.values() for url in _urls(item)]
    return []


def accepted(urls: list[str]) -> list[tuple[str, str]]:
    found = []
    for url in urls:
        try:
            found.append((url, check_base_url(url, allow_private_http=True)))
        except RequestError:
            continue
    return found


@pytest.mark.skipif(NODE is None, reason="node is not on PATH")
def test_node_finds_the_same_origin_in_every_accepted_url_and_in_its_stored_form() -> None:
    pairs = accepted(corpus())
    assert len({stored for _, stored in pairs}) >= 100
    given = [text for pair in pairs for text in pair]
    run = subprocess.run(
        [str(NODE), "-e", SCRIPT], input=json.dumps(given), capture_output=True, text=True, check=True, timeout=60
    )
    read = json.loads(run.stdout)
    for (url, stored), of_url, of_stored in zip(pairs, read[::2], read[1::2], strict=True):
        ours = str(origin_of(stored))
        assert of_url is not None, url
        assert of_url[0] == of_stored[0] == ours == str(origin_of(url)), url
        assert of_stored[1].rstrip("/") == stored, url


def test_the_url_that_two_parsers_read_differently_is_refused() -> None:
    with pytest.raises(RequestError):
        check_base_url("https://evil.test\\@api.acme.test")
