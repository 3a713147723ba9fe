"""The vendors' own addresses, answered on this machine: the unmodified program signs in there through a proxy.

`HTTPS_PROXY` leads to a proxy that takes `auth.openai.com`, `github.com` and `api.chutes.ai` for one authorization
server with certificates of a test authority (`SSL_CERT_FILE`). Nothing leaves 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from filelock import FileLock

from support.oauth import Client, OAuthServer, Rules, unsigned_jwt
from support.servers import Authority, ProxyServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTS = ("auth.openai.com", "github.com", "api.github.com", "api.chutes.ai")
CODEX = Client("app_EMoamEEZ73f0CkXaXp7hrann", redirects=("http://localhost:1455/auth/callback",))
COPILOT = Client("Iv1.b507a08c87ecfe98")
CHUTES = Client(
    "cid-chutes", secret="chutes-secret-canary/Zq7+Xk2", redirects=("http://127.0.0.1:1456/oauth-callback",)
)
CODEX_CLAIMS = {"email": "you@example.org", "https://api.openai.com/auth": {"chatgpt_account_id": "acc-42"}}
PATHS = {
    "/oauth/authorize": "/authorize",
    "/oauth/token": "/token",
    "/idp/authorize": "/authorize",
    "/idp/token": "/token",
    "/idp/userinfo": "/userinfo",
    "/users/me": "/me",
    "/login/device/code": "/device/code",
    "/login/oauth/access_token": "/token",
    "/login/device": "/activate",
    "/user": "/me",
}

# Follows redirects as a browser does, and keeps the last page. Its own process: the program starts it.
_BROWSER = """
import sys, urllib.request
sys.stdout = sys.stderr = open({log!r}, "a")
print("OPENED", sys.argv[1], flush=True)
try:
    with urllib.request.urlopen(sys.argv[1], timeout=30) as answer:
        print("PAGE", answer.status, answer.read().decode(), flush=True)
except urllib.error.HTTPError as error:
    print("PAGE", error.code, error.read().decode(), flush=True)
"""


@dataclass
class Vendors:
    """The server behind all the names, and the environment in which the program meets it."""

    server: OAuthServer
    env: dict[str, str]
    folder: Path
    log: Path

    def become(self, client: Client) -> None:
        """Be the vendor of this client."""
        rules = self.server.rules
        rules.client, rules.paths = client, dict(PATHS)
        if client is CODEX:
            rules.extra = {"id_token": unsigned_jwt(CODEX_CLAIMS)}
        if client is CHUTES:
            rules.userinfo = {"sub": "user-1", "username": "you", "created_at": "2026-01-01"}
        if client is COPILOT:
            rules.github = True
            rules.without, rules.device_without = ("expires_in", "refresh_token"), ("verification_uri_complete",)
            rules.device_ends_s = 899.0
            self.server.public_url = "https://github.com"

    def redirect_of(self, url: str) -> str:
        """Return where a sign-in page sends the browser, without going there."""
        parts = urlsplit(url)
        context = ssl.create_default_context(cafile=self.env["SSL_CERT_FILE"])
        context.check_hostname = False
        connection = http.client.HTTPSConnection("127.0.0.1", self.server.port, timeout=20, context=context)
        with contextlib.closing(connection):
            connection.request("GET", f"{parts.path}?{parts.query}", headers={"Host": parts.netloc})
            answer = connection.getresponse()
            answer.read()
            location = answer.getheader("Location")
            assert location is not None, answer.status
            return location

    @property
    def exchanges(self) -> int:
        """How many requests the token endpoint has seen."""
        return sum(PATHS.get(each.path) == "/token" for each in self.server.requests)

    @property
    def browser_log(self) -> str:
        """What the browser was told to open, and what it saw."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""


@contextlib.contextmanager
def vendors(folder: Path) -> Iterator[Vendors]:
    """Run the server and the proxy; `$BROWSER` opens pages without a window."""
    authority = Authority()
    log, script = folder / "browser.log", folder / "browser.py"
    script.write_text(_BROWSER.format(log=str(log)), encoding="utf-8")
    with OAuthServer(Rules(), tls=authority.server_context(*HOSTS)) as server:
        routes = {f"{host}:443": server.port for host in HOSTS}
        with ProxyServer(routes) as proxy:
            env = {
                "HTTPS_PROXY": proxy.url,
                "SSL_CERT_FILE": authority.pem_file(folder),
                "NO_PROXY": "localhost,127.0.0.1",
                "BROWSER": f"{sys.executable} -S {script}",
            }
            yield Vendors(server, env, folder, log)


@contextlib.contextmanager
def fixed_port(shared: Path, port: int) -> Iterator[None]:
    """Keep a port that a vendor fixed to one test at a time, whatever worker runs it."""
    with FileLock(shared / f"port-{port}.lock", timeout=120):
        yield
