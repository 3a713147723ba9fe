"""An OAuth 2.0 authorization server on 127.0.0.1 that holds its clients to the standards.

It speaks RFC 6749 (code and refresh grants), RFC 7636 (PKCE, S256 only), RFC 8252 (loopback redirects on any port) and
RFC 8628 (device grant), over real HTTP. What breaks a rule gets the error that the standard names, and is kept in
`faults`. Refresh tokens rotate and are used once: a second use revokes the whole family (RFC 9700, section 4.14).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from support.servers import Connection, HttpServer, Request

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

YOU: dict[str, object] = {"sub": "1", "email": "you@example.org"}
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class OAuthError(Exception):
    """What the client did wrong: an error code of the standards, with a status."""

    def __init__(self, error: str, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.error, self.detail, self.status = error, detail, status


class PendingError(OAuthError):
    """Not a fault of the client: the answer of the device grant until the user agrees."""

    def __init__(self) -> None:
        super().__init__("authorization_pending", "the user has not agreed yet")


@dataclass
class Client:
    """A registered client; `secret` None means a public one."""

    id: str = "acme-client"
    secret: str | None = None
    redirects: tuple[str, ...] = ("http://127.0.0.1/callback", "http://localhost/callback")


@dataclass
class _Code:
    client: str
    redirect: str
    challenge: str
    ends: float
    family: str | None = None


@dataclass
class _Device:
    client: str
    user_code: str
    ends: float
    interval: float
    last: float | None = None
    state: str = "pending"
    polls: int = 0


@dataclass
class Counts:
    """How often each thing was done."""

    authorized: int = 0
    codes: int = 0
    refreshes: int = 0
    devices: int = 0
    polls: int = 0


@dataclass
class Rules:
    """How the server behaves.

    Attributes:
        client: the one client it knows.
        expires_in: lifetime of an access token in seconds.
        code_ends_s: lifetime of a code.
        interval: pause between two polls of the device grant, in seconds.
        device_ends_s: lifetime of a device code.
        polls_needed: how many polls are told to wait before the user "agrees"; None waits for `approve`.
        rotate: whether a refresh gives a new refresh token.
        deny: the user says no.
        token_delay_s: how long the token endpoint takes.
        extra: further fields of a token answer.
        without: fields that a token answer lacks; `device_without` those that the begin of a device login lacks.
        paths: a vendor's own paths for the standard ones.
        userinfo: what the userinfo endpoint tells; None makes it fail.
        github: errors come with status 200, and JSON only to those who ask for it.
        json_refresh: the refresh grant takes JSON, as OpenAI's does, and tells its errors in OpenAI's form.
        fail: statuses with which the next requests to the token endpoint fail, one for each.
    """

    client: Client = field(default_factory=Client)
    expires_in: int = 3600
    code_ends_s: float = 60.0
    interval: float = 0.05
    device_ends_s: float = 600.0
    polls_needed: int | None = 1
    rotate: bool = True
    deny: bool = False
    token_delay_s: float = 0.0
    extra: dict[str, object] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    device_without: tuple[str, ...] = ()
    paths: dict[str, str] = field(default_factory=dict)
    userinfo: dict[str, object] | None = field(default_factory=lambda: dict(YOU))
    github: bool = False
    json_refresh: bool = False
    fail: list[int] = field(default_factory=list)


class OAuthServer(HttpServer):
    """The server; `rules` may be changed while it runs, `faults` tells what clients did wrong.

    Endpoints: `/authorize`, `/token`, `/device/code`, `/activate`, `/userinfo`, `/me` (whether a token is live). A
    browser at `/authorize` is redirected at once: the user has agreed.
    """

    def __init__(
        self,
        rules: Rules | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(self._answer, tls=tls)
        self.public_url: str | None = None
        """Where users are sent, when that is not the server's own address."""
        self.rules = rules or Rules()
        self.counts = Counts()
        self.faults: list[tuple[str, str]] = []
        self.states: list[str] = []
        self.challenges: list[str] = []
        self._clock = clock
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self._devices: dict[str, _Device] = {}
        self._refresh: dict[str, str] = {}
        self._spent: dict[str, str] = {}
        self._access: dict[str, tuple[str, float]] = {}
        self._revoked: set[str] = set()

    def approve(self, user_code: str, *, agree: bool = True) -> None:
        """Let the user agree to, or refuse, a device."""
        with self._lock:
            for each in self._devices.values():
                if each.user_code == user_code:
                    each.state = "approved" if agree else "denied"

    def is_live(self, access_token: str) -> bool:
        """Tell whether an access token is accepted now."""
        family, ends = self._access.get(access_token, ("", 0.0))
        return bool(family) and family not in self._revoked and self._clock() < ends

    def issue(self) -> dict[str, object]:
        """Return a token answer as if a login had just been done."""
        with self._lock:
            return self._tokens(secrets.token_hex(8))

    async def _answer(self, request: Request, connection: Connection) -> None:
        import asyncio

        routes = {
            ("GET", "/authorize"): self._authorize,
            ("POST", "/token"): self._token,
            ("POST", "/device/code"): self._device,
            ("GET", "/activate"): self._activate,
            ("GET", "/userinfo"): self._userinfo,
            ("GET", "/me"): self._me,
        }
        path = self.rules.paths.get(request.path, request.path)
        route = routes.get((request.method, path))
        if route is None:
            await connection.reply(404, b"{}")
            return
        if path == "/token" and self.rules.token_delay_s:
            await asyncio.sleep(self.rules.token_delay_s)
        if path == "/token" and self.rules.fail:
            await connection.reply(self.rules.fail.pop(0), b"<html>busy</html>", {"Content-Type": "text/html"})
            return
        if self.rules.github and request.method == "POST" and request.headers.get("accept") != "application/json":
            await connection.reply(200, b"error=use_json", {"Content-Type": "application/x-www-form-urlencoded"})
            return
        try:
            with self._lock:
                status, body, headers = route(request)
        except OAuthError as fault:
            if not isinstance(fault, PendingError):
                self.faults.append((fault.error, fault.detail))
            status, headers = 200 if self.rules.github else fault.status, {"Content-Type": "application/json"}
            told: dict[str, object] = {"error": fault.error, "error_description": fault.detail}
            if self.rules.json_refresh and path == "/token" and fault.error == "invalid_grant":
                status, told = 401, {"error": {"code": "refresh_token_invalidated", "message": fault.detail}}
            body = json.dumps(told).encode()
        await connection.reply(status, body, {**headers, "Cache-Control": "no-store"})

    # --- RFC 6749, section 4.1.1 and 4.1.2; RFC 7636, section 4.3; RFC 8252, section 7.3

    def _authorize(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        asked = _single(urlsplit(request.target).query)
        if asked.get("client_id") != self.rules.client.id:
            raise OAuthError("invalid_client", "unknown client")
        redirect = asked.get("redirect_uri", "")
        if not _is_registered(redirect, self.rules.client.redirects):
            raise OAuthError("invalid_request", f"redirect_uri is not registered: {redirect}")
        state = asked.get("state", "")
        if self.rules.deny:
            return _redirect(redirect, {"error": "access_denied", "state": state})
        if asked.get("response_type") != "code" or asked.get("code_challenge_method") != "S256":
            self.faults.append(("invalid_request", "response_type=code with an S256 challenge is required"))
            return _redirect(redirect, {"error": "invalid_request", "state": state})
        if len(state) < 16 or len(asked.get("code_challenge", "")) != 43:
            self.faults.append(("invalid_request", "state or challenge too short"))
            return _redirect(redirect, {"error": "invalid_request", "state": state})
        code = secrets.token_urlsafe(24)
        ends = self._clock() + self.rules.code_ends_s
        self._codes[code] = _Code(self.rules.client.id, redirect, asked["code_challenge"], ends)
        self.counts.authorized += 1
        self.states.append(state)
        self.challenges.append(asked["code_challenge"])
        return _redirect(redirect, {"code": code, "state": state})

    # --- RFC 6749, sections 4.1.3, 5 and 6; RFC 8628, section 3.4

    def _token(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        kind = request.headers.get("content-type", "")
        if self.rules.json_refresh and kind == "application/json":
            form: dict[str, str] = json.loads(request.body)
            if form.get("grant_type") != "refresh_token":
                raise OAuthError("invalid_request", "only a refresh comes as JSON")
        elif kind.startswith("application/x-www-form-urlencoded"):
            form = _single(request.body.decode())
        else:
            raise OAuthError("invalid_request", "the token endpoint takes a form")
        self._check_client(form)
        grants = {"authorization_code": self._by_code, "refresh_token": self._by_refresh, DEVICE_GRANT: self._by_device}
        grant = grants.get(form.get("grant_type", ""))
        if grant is None:
            raise OAuthError("unsupported_grant_type", form.get("grant_type", ""))
        return 200, json.dumps(grant(form)).encode(), {"Content-Type": "application/json"}

    def _check_client(self, form: dict[str, str]) -> None:
        client = self.rules.client
        if form.get("client_id") != client.id or (client.secret and form.get("client_secret") != client.secret):
            raise OAuthError("invalid_client", "unknown client or wrong secret", 401)

    def _by_code(self, form: dict[str, str]) -> dict[str, object]:
        self.counts.codes += 1
        code = self._codes.get(form.get("code", ""))
        if code is None:
            raise OAuthError("invalid_grant", "unknown code")
        if code.family is not None:
            self._revoked.add(code.family)
            raise OAuthError("invalid_grant", "the code was used before: its tokens are revoked")
        if self._clock() > code.ends:
            raise OAuthError("invalid_grant", "the code has expired")
        if form.get("redirect_uri") != code.redirect:
            raise OAuthError("invalid_grant", "redirect_uri differs from the one of the authorization request")
        verifier = form.get("code_verifier", "")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if not 43 <= len(verifier) <= 128 or digest != code.challenge:
            raise OAuthError("invalid_grant", "code_verifier does not fit the challenge")
        if verifier in self.states:
            self.faults.append(("leak", "the verifier was used as state"))
        code.family = secrets.token_hex(8)
        return self._tokens(code.family)

    def _by_refresh(self, form: dict[str, str]) -> dict[str, object]:
        self.counts.refreshes += 1
        token = form.get("refresh_token", "")
        if token in self._spent:
            self._revoked.add(self._spent[token])
            raise OAuthError("invalid_grant", "the refresh token was used before: its family is revoked")
        family = self._refresh.get(token)
        if family is None or family in self._revoked:
            raise OAuthError("invalid_grant", "unknown or revoked refresh token")
        if not self.rules.rotate:
            return {name: value for name, value in self._tokens(family).items() if name != "refresh_token"}
        self._spent[token] = self._refresh.pop(token)
        return self._tokens(family)

    def _by_device(self, form: dict[str, str]) -> dict[str, object]:
        self.counts.polls += 1
        device = self._devices.get(form.get("device_code", ""))
        if device is None:
            raise OAuthError("invalid_grant", "unknown device code")
        now = self._clock()
        if now > device.ends:
            raise OAuthError("expired_token", "the device code has expired")
        # A tenth of tolerance: the pause is measured at the other end of the connection.
        too_fast = device.last is not None and now - device.last < device.interval * 0.9
        device.last, device.polls = now, device.polls + 1
        if too_fast:
            device.interval += 5
            raise OAuthError("slow_down", "polled too fast: five seconds more from now on")
        if self.rules.deny or device.state == "denied":
            raise OAuthError("access_denied", "the user said no")
        if self.rules.polls_needed is not None and device.polls > self.rules.polls_needed:
            device.state = "approved"
        if device.state != "approved":
            raise PendingError
        del self._devices[form["device_code"]]
        return self._tokens(secrets.token_hex(8))

    def _tokens(self, family: str) -> dict[str, object]:
        access, refresh = f"at-{secrets.token_urlsafe(16)}", f"rt-{secrets.token_urlsafe(16)}"
        self._access[access] = (family, self._clock() + self.rules.expires_in)
        self._refresh[refresh] = family
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": self.rules.expires_in}
        whole = {**answer, "refresh_token": refresh, **self.rules.extra}
        return {name: value for name, value in whole.items() if name not in self.rules.without}

    # --- RFC 8628, section 3.1 and 3.2

    def _device(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        form = _single(request.body.decode())
        if form.get("client_id") != self.rules.client.id:
            raise OAuthError("invalid_client", "unknown client", 401)
        self.counts.devices += 1
        device_code, user_code = secrets.token_urlsafe(24), secrets.token_hex(4).upper()
        rules = self.rules
        self._devices[device_code] = _Device(
            rules.client.id, user_code, self._clock() + rules.device_ends_s, rules.interval
        )
        answer = {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": f"{self.public_url or self.url}/activate",
            "verification_uri_complete": f"{self.public_url or self.url}/activate?user_code={user_code}",
            "expires_in": rules.device_ends_s,
            "interval": rules.interval,
        }
        answer = {name: value for name, value in answer.items() if name not in rules.device_without}
        return 200, json.dumps(answer).encode(), {"Content-Type": "application/json"}

    def _activate(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        user_code = _single(urlsplit(request.target).query).get("user_code", "")
        for each in self._devices.values():
            if each.user_code == user_code:
                each.state = "approved"
                return 200, b"Thank you.", {"Content-Type": "text/plain"}
        return 404, b"Unknown code.", {"Content-Type": "text/plain"}

    def _userinfo(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        self._require_live(request)
        if self.rules.userinfo is None:
            return 503, b"", {}
        return 200, json.dumps(self.rules.userinfo).encode(), {"Content-Type": "application/json"}

    def _me(self, request: Request) -> tuple[int, bytes, dict[str, str]]:
        self._require_live(request)
        return 200, b'{"login": "you"}', {"Content-Type": "application/json"}

    def _require_live(self, request: Request) -> None:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not self.is_live(token):
            raise OAuthError("invalid_token", "not an access token", 401)


def unsigned_jwt(claims: Mapping[str, object]) -> str:
    """Return a token in the form of a JWT; its signature fits nothing."""
    head, body = (base64.urlsafe_b64encode(json.dumps(each).encode()) for each in ({"alg": "RS256"}, claims))
    return f"{head.rstrip(b'=').decode()}.{body.rstrip(b'=').decode()}.c2lnbmF0dXJl"


def _single(query: str) -> dict[str, str]:
    """Return parameters, each of which may stand once (RFC 6749, section 3.1)."""
    found = parse_qs(query, keep_blank_values=True)
    if any(len(values) > 1 for values in found.values()):
        raise OAuthError("invalid_request", "a parameter stands twice")
    return {name: values[0] for name, values in found.items()}


def _is_registered(redirect: str, registered: tuple[str, ...]) -> bool:
    """Compare exactly, except for the port of a loopback address, which the client chooses."""
    asked = urlsplit(redirect)
    if redirect in registered:
        return True
    if asked.scheme != "http" or asked.hostname not in {"127.0.0.1", "localhost", "::1"}:
        return False
    return f"http://{asked.hostname}{asked.path}" in registered and not asked.query and not asked.fragment


def _redirect(target: str, parameters: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    return 302, b"", {"Location": f"{target}?{urlencode(parameters)}"}
