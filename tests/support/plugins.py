"""Plugin folders of the existing shape, and the world that they log in to: all of it on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.oauth import OAuthServer
from support.servers import Authority, ProxyServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.cli import Cli

FOLDER = Path(__file__).parents[1] / "plugins"
"""Plugins as authors have them, one folder each."""

HOST = "auth.acme.example"

# What a person does in a browser: open the page, be sent on, end where the program listens.
_BROWSER = """
import http.client, ssl, sys
from urllib.parse import urljoin, urlsplit

url = sys.argv[1]
for _ in range(5):
    place = urlsplit(url)
    target = place.path + ("?" + place.query if place.query else "")
    if place.scheme == "https":
        context = ssl.create_default_context(cafile={ca!r})
        connection = http.client.HTTPSConnection("127.0.0.1", {proxy}, timeout=20, context=context)
        connection.set_tunnel(place.hostname, place.port or 443)
    else:
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    connection.request("GET", target)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    with open({log!r}, "a") as log:
        log.write(f"{{answer.status}} {{url}}\\n")
    if answer.status not in (301, 302, 303, 307):
        break
    url = urljoin(url, answer.getheader("Location"))
    with open({log!r}, "a") as log:
        log.write(f"0 {{url}}\\n")
"""


@dataclass
class World:
    """The authorization server at `https://auth.acme.example`, and how programs get there.

    Attributes:
        server: the server.
        env: what a program's environment must have: the proxy that leads there, and the authority to trust.
        browser: command for `$BROWSER`; it writes the pages that it saw into `pages`.
        pages: that file.
    """

    server: OAuthServer
    env: dict[str, str]
    browser: str
    pages: Path

    def follow(self, url: str) -> str:
        """Open a page as the user would in a browser elsewhere, and return the address it ends at."""
        import subprocess

        with contextlib.suppress(FileNotFoundError):
            self.pages.unlink()
        # The last page is on a machine that does not answer: its address is what the user copies.
        subprocess.run([*self.browser.split(), url], check=False, capture_output=True, timeout=60)
        return self.pages.read_text().splitlines()[-1].partition(" ")[2]


@contextlib.contextmanager
def world(folder: Path) -> Iterator[World]:
    """Run the authorization server, and the proxy by which its name leads to it."""
    authority = Authority()
    ca = authority.pem_file(folder)
    with (
        OAuthServer(tls=authority.server_context(HOST)) as server,
        ProxyServer({f"{HOST}:443": server.port}) as proxy,
    ):
        server.public_url = f"https://{HOST}"
        script, pages = folder / "browser.py", folder / "pages.txt"
        script.write_text(_BROWSER.format(ca=ca, proxy=proxy.port, log=str(pages)))
        env = {"HTTPS_PROXY": proxy.url, "NODE_EXTRA_CA_CERTS": ca, "SSL_CERT_FILE": ca}
        yield World(server, env, f"{sys.executable} {script}", pages)


def install(cli: Cli, name: str) -> Path:
    """Put a plugin into the user's plugins folder, as it is, and return its folder there."""
    target = cli.home / "plugins" / name
    shutil.copytree(FOLDER / name, target)
    return target


def digest(folder: Path) -> dict[str, str]:
    """Return a hash of every file, by its path."""
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    return {str(each.relative_to(folder)): hashlib.sha256(each.read_bytes()).hexdigest() for each in files}
