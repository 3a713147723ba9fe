"""A sign-in under test: a person, a browser and a clock that do what they are told; everything else is real."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from jackfield.auth.browser import Browser
from jackfield.auth.flows import LoginContext
from jackfield.auth.prompter import Progress, Prompter, Question
from jackfield.net import HttpClient
from jackfield.providers.block import AuthMethod, OAuth, Provider

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from support.oauth import OAuthServer

NOW = 1_800_000_000_000
SCOPES = ("openid", "acme:use")


class Person(Prompter):
    """Gives its answers in order, and then sits there without a word; every question and note is kept."""

    can_retry = True

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[Question] = []
        self.told: list[tuple[str | None, str]] = []
        self.shown: list[str] = []
        self.complaints: list[str] = []
        self.left_alone = 0
        self.was_asked = asyncio.Event()

    async def ask(self, question: Question) -> object:
        """Give the next answer that the question takes; an answer may be a function of the notes so far."""
        self.asked.append(question)
        self.was_asked.set()
        while self.answers:
            answer = self.answers.pop(0)
            if isinstance(answer, BaseException):
                raise answer
            text = answer(self) if callable(answer) else answer
            complaint = question.validate(str(text)) if question.validate else None
            if complaint is None:
                return text
            self.complaints.append(complaint)
        try:
            await asyncio.Event().wait()
        finally:
            self.left_alone += 1
        raise AssertionError

    async def tell(self, message: str, title: str | None = None) -> None:
        """Keep it."""
        self.told.append((title, message))

    def progress(self, label: str) -> Progress:
        """Keep the label."""
        self.shown.append(label)
        return Progress()

    async def show_qr(self, url: str) -> None:
        """Keep it as a note of its own kind."""
        self.told.append(("QR", url))

    @property
    def page(self) -> str:
        """The address of the sign-in page, as it was told."""
        return next(text for title, text in self.told if title and "address" in title)


class Script(Person):
    """Has nobody to ask once its answers are used up."""

    @property
    def can_retry(self) -> bool:  # type: ignore[override]
        """Whether answers are left."""
        return bool(self.answers)


class Visitor(Browser):
    """A browser that follows redirects and keeps the last page; `visit` may lead it elsewhere."""

    def __init__(self, *, remote: bool = False, visit: Callable[[str], list[str]] | None = None) -> None:
        super().__init__({"SSH_TTY": "/dev/pts/0"} if remote else {"DISPLAY": ":0"}, platform="linux")
        self.opened: list[str] = []
        self.pages: list[tuple[int, str]] = []
        self._visit = visit
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, url: str) -> bool:
        """Begin to visit the address, unless nobody would see that."""
        self.opened.append(url)
        if self.remote:
            return False
        task = asyncio.ensure_future(asyncio.to_thread(self._walk, url))
        self._tasks.add(task)
        return True

    async def done(self) -> None:
        """Wait until every page has been shown."""
        await asyncio.gather(*self._tasks)

    def _walk(self, url: str) -> None:
        for each in [url] if self._visit is None else self._visit(url):
            self.pages.append(follow(each))


def follow(url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Ask for a page as a browser does, following redirects; return the last status and body."""
    for _ in range(10):
        status, location, body, _ = fetch(url, method=method, headers=headers)
        if location is None:
            return status, body
        url = location
    raise AssertionError("too many redirects")


def fetch(
    url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None
) -> tuple[int, str | None, str, dict[str, str]]:
    """Return the status, the Location, the body and the headers of one answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=20)
    with contextlib.closing(connection):
        connection.request(
            method, f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=dict(headers or {})
        )
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location"), answer.read().decode(), dict(answer.getheaders())


def redirect_of(url: str) -> str:
    """Return the address that an authorization page sends the browser to, without going there."""
    location = fetch(url)[1]
    assert location is not None
    return location


def query_of(url: str) -> dict[str, str]:
    """Return an address's parameters."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@dataclass
class Clock:
    """Time that passes only while somebody sleeps; in ms since the epoch."""

    now: float = NOW
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> int:
        return round(self.now)

    def seconds(self) -> float:
        """The same in seconds, for servers."""
        return self.now / 1_000

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once, and everybody else have a turn."""
        self.slept.append(seconds)
        self.now += seconds * 1_000
        await asyncio.sleep(0)


def acme(server: OAuthServer, **changes: Any) -> tuple[Provider, AuthMethod]:
    """Return a provider whose sign-in is at `server`, and its method; `changes` are fields of the OAuth part."""
    fields: dict[str, Any] = {
        "hosts": ("127.0.0.1",),
        "authorize_url": f"{server.url}/authorize",
        "token_url": f"{server.url}/token",
        "device_code_url": f"{server.url}/device/code",
        "scopes": SCOPES,
        "client_id": "acme-client",
        "pasted": "url",
        "timeout_s": 300,
        **changes,
    }
    method = AuthMethod(
        "login", "acme-login", "oauth", "Acme", "oauth-pkce", oauth=OAuth(**fields), profile="acme:{email}"
    )
    return Provider("acme", "Acme", base_url="https://api.acme.test/v1", auth=(method,)), method


async def never(seconds: float) -> None:
    """Sleep for ever: the end of a wait that must not come."""
    await asyncio.Event().wait()


def context(
    block: tuple[Provider, AuthMethod],
    person: Prompter,
    *,
    browser: Browser | None = None,
    env: Mapping[str, str] | None = None,
    sleep: Callable[[float], Awaitable[object]] = never,
    clock: Callable[[], int] = lambda: NOW,
    **more: Any,
) -> LoginContext:
    """Return what a flow gets."""
    provider, method = block
    return LoginContext(
        provider=provider,
        method=method,
        prompter=person,
        env=dict(env or {}),
        base_url=None,
        now=NOW,
        browser=browser,
        open_client=lambda: HttpClient(env={}, user_agent="jackfield-test"),
        clock=clock,
        sleep=sleep,
        **more,
    )
