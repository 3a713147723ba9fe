"""A plugin's login as a flow like any other: it asks through the prompter, and what it returns goes to the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.auth.flows import LoginResult, profile_id
from jackfield.auth.prompter import Prompter
from jackfield.config.proposal import read_proposal
from jackfield.errors import PluginError, RequestError
from jackfield.plugins.convert import find_places
from jackfield.records import replace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from jackfield.auth.flows import LoginContext
    from jackfield.auth.prompter import Progress, Question
    from jackfield.plugins.session import PluginSession


async def run_login(
    session: PluginSession,
    plugin_id: str,
    runner: str,
    context: LoginContext,
    load: Mapping[str, object],
    view: Mapping[str, object],
) -> LoginResult:
    """Carry out one login of a plugin in a session that was just opened.

    Args:
        session: the plugin's process.
        plugin_id: who it is.
        runner: name of the strategy, which tells the provider and the method.
        context: what every flow gets.
        load: the parameters of `load`.
        view: what the plugin's code is told of where it runs.

    Raises:
        PluginError: `plugin.*` when it fails; `plugin.changed` when it does not register this method any more.
        RequestError: `login.refused` when what it returned is nothing that the gate reads; `login.own-questions` when a
            key or lifetime was given, which only core flows take.
        CancelledError: the user ended it.
    """
    if context.key is not None or context.expires_in is not None:
        raise RequestError(
            f"The login {context.method.label!r} asks its own questions, and takes no key or lifetime by flag.",
            code="login.own-questions",
            fix="Leave the flag out, and answer the questions in the terminal or with --answers.",
        )
    loaded = await session.load(load)
    places = find_places(plugin_id, loaded.providers, runner)
    if places is None:
        message = f"plugin:{plugin_id} does not register the login {context.method.label!r} any more."
        raise PluginError(message, code="plugin.changed", fix="Run it again; see also: jackfield plugins doctor")
    prompter = _Listener(context.prompter)
    text = await session.login(*places, view, prompter, _opener(context))
    result = _as_result(read_proposal(text, owner=f"plugin:{plugin_id}"), context)
    return replace(result, typed=tuple(prompter.addresses))


class _Listener(Prompter):
    """Passes everything on to another prompter, and remembers which addresses the user gave or agreed to."""

    def __init__(self, inner: Prompter) -> None:
        self._inner = inner
        self.addresses: list[str] = []

    @property
    def can_retry(self) -> bool:  # type: ignore[override]
        """Whether the other one may ask again."""
        return self._inner.can_retry

    async def ask(self, question: Question) -> object:
        """Ask there."""
        answer = await self._inner.ask(question)
        if isinstance(answer, str) and answer.strip().lower().startswith(("http://", "https://")):
            self.addresses.append(answer.strip())
        return answer

    async def tell(self, message: str, title: str | None = None) -> None:
        """Tell it there."""
        await self._inner.tell(message, title)

    async def intro(self, title: str) -> None:
        """Begin there."""
        await self._inner.intro(title)

    async def outro(self, message: str) -> None:
        """End there."""
        await self._inner.outro(message)

    def progress(self, label: str) -> Progress:
        """Show it there."""
        return self._inner.progress(label)


def _opener(context: LoginContext) -> Callable[[str], Awaitable[None]]:
    async def open_url(url: str) -> None:
        if context.browser is None or not await context.browser.open(url):
            await context.prompter.note(url, "Open this address in a browser")

    return open_url


def _as_result(proposal: dict[str, object], context: LoginContext) -> LoginResult:
    default = proposal.get("defaultModel")
    profiles = proposal.get("profiles")
    if context.profile_name is not None and isinstance(profiles, list):
        if len(profiles) != 1 or not isinstance(profiles[0], dict):
            raise RequestError(
                f"The login returned {len(profiles)} credentials, which cannot all be named {context.profile_name!r}.",
                code="login.profile-name",
                fix="Leave --profile out: the plugin names them.",
            )
        proposal = {**proposal, "profiles": [{**profiles[0], "profileId": profile_id(context)}]}
    return LoginResult(default_model=default if isinstance(default, str) else None, proposal=proposal)
