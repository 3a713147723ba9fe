"""Login: choose, run the flow, check the credential, plan, commit credentials and config together.

Everything that can go wrong comes before the commit; until then nothing is written anywhere.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from jackfield.auth.flows import LoginContext
from jackfield.auth.methods import describe_choice, find_login, find_method, login_methods, require_runnable
from jackfield.auth.prompter import Option
from jackfield.config.file import commit_config
from jackfield.config.login_changes import (
    base_url_changes,
    default_model_changes,
    logout_changes,
    profile_changes,
)
from jackfield.config.overlay import base_url_of, names_of
from jackfield.credentials.profile import ApiKeyCredential, Profile, TokenCredential
from jackfield.credentials.verify import check_for, verify
from jackfield.errors import CredentialError, NeedsTerminalError, RequestError
from jackfield.ids import parse_model_ref
from jackfield.net import check_base_url, origin_of
from jackfield.providers.views import advisories, choice_groups
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from jackfield.auth.flows import LoginResult, NewProfile, Runner
    from jackfield.auth.prompter import Prompter
    from jackfield.config.file import Change, LoadedConfig
    from jackfield.credentials.secret import Secret
    from jackfield.credentials.store import CredentialStore
    from jackfield.credentials.verify import Verdict
    from jackfield.net import HttpClient
    from jackfield.providers.block import AuthMethod, Provider
    from jackfield.providers.registry import ProviderRegistry

VERIFY_DEADLINE_S = 15.0
_ATTEMPTS = 3


@record
class LoginRequest:
    """What the user asked for; None where they left it open.

    Attributes:
        name: a provider's id or alias, or a login choice.
        method: id or choice of the method.
        profile: name of the profile to write.
        key: a key that came by a flag or on standard input.
        base_url: another address of the provider; typing it is the consent to a private one.
        expires_in: lifetime of a pasted token, such as `30d`.
        set_default: also make the provider's proposed model the default; `model` names another one.
        check: whether the credential is tried on the provider first.
        interactive: a person sits there, who may try again after a refusal.
    """

    name: str | None = None
    method: str | None = None
    profile: str | None = None
    key: Secret | None = None
    base_url: str | None = None
    expires_in: str | None = None
    set_default: bool = False
    model: str | None = None
    check: bool = True
    interactive: bool = False


@record
class LoginOutcome:
    """What a login did.

    Attributes:
        provider: id of the provider.
        profiles: ids of the profiles written.
        verdict: what the provider said of the credential, None when it was not asked.
        default_model: the model ref that is the default now, None when that was not changed.
        changed: the config paths written, outermost key first.
        notes: what the user should know now.
    """

    provider: str
    profiles: tuple[str, ...]
    verdict: Verdict | None
    default_model: str | None
    changed: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


class Onboarding:
    """Logs in and out.

    Args:
        registry: the providers there are.
        config_file: the config file, read anew at each commit.
        config: the config as it is now.
        store: where credentials are kept.
        runners: the flows by name.
        open_client: opens an HTTP client, to be used with `async with`.
        env: the environment.
        clock: ms since the epoch.
    """

    def __init__(
        self,
        *,
        registry: ProviderRegistry,
        config_file: Path,
        config: LoadedConfig,
        store: CredentialStore,
        runners: Mapping[str, Runner],
        open_client: Callable[[], HttpClient],
        env: Mapping[str, str],
        clock: Callable[[], int],
    ) -> None:
        self._registry = registry
        self._config_file = config_file
        self._config = config
        self._store = store
        self._runners = runners
        self._open_client = open_client
        self._env = env
        self._clock = clock

    async def login(self, request: LoginRequest, prompter: Prompter) -> LoginOutcome:
        """Log in as `request` says, asking `prompter` what it leaves open.

        Raises:
            RequestError: `login.*` or `url.*` when the request cannot be fulfilled; `needs-terminal`; `answers.*`.
            CredentialError: `credential.refused` when the provider turns the credential down, `credential.unverified`
                when it cannot be asked and nobody agrees to store it all the same. Nothing is written.
            ConfigError, StoreError: the commit failed; nothing is written.
            CancelledError: the user ended it; nothing is written.
        """
        self._config.require_valid()
        provider, method = await self._choose(request, prompter)
        runner = self._runner(provider, method)
        base_url = self._base_url(provider, request)
        context = LoginContext(
            provider=provider,
            method=method,
            prompter=prompter,
            env=self._env,
            base_url=base_url,
            now=self._clock(),
            key=request.key,
            profile_name=request.profile,
            expires_in=request.expires_in,
        )
        await self._advise(provider, prompter, "before-login")
        result, verdict = await self._run(context, runner, request)
        ref = self._default_ref(provider, result, request)
        changed = self._commit(provider, result, base_url if request.base_url else None, base_url, ref)
        notes = (*result.notes, *self._texts(provider, "after-login"))
        return LoginOutcome(provider.id, tuple(each.id for each in result.profiles), verdict, ref, changed, notes)

    def logout(self, profile_ids: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """Forget these profiles in the store and the config together; return the config paths changed."""
        changed: list[Change] = []

        def plan(config: LoadedConfig) -> list[Change]:
            for each in profile_ids:
                changed.extend(logout_changes(config, each))
            return changed

        with self._store.transaction() as work:
            for each in profile_ids:
                work.delete(each)
            commit_config(self._config_file, plan)
        return tuple(each.path for each in changed)

    async def _choose(self, request: LoginRequest, prompter: Prompter) -> tuple[Provider, AuthMethod]:
        if request.name is None:
            provider, method = await self._ask_choice(prompter)
        else:
            found, meant = find_login(self._registry, request.name)
            provider, method = found, meant
        if request.method is not None:
            method = find_method(provider, request.method)
        methods = login_methods(provider)
        if method is None and methods:
            method = methods[0] if len(methods) == 1 else await self._ask_method(methods, prompter)
        require_runnable(provider, method)
        assert method is not None  # noqa: S101 - require_runnable has just seen to it
        return provider, method

    async def _ask_choice(self, prompter: Prompter) -> tuple[Provider, AuthMethod | None]:
        options = []
        for group in choice_groups(self._registry.snapshot()):
            for row in group.choices:
                label = row.label if row.label.startswith(group.label) else f"{group.label} · {row.label}"
                runnable = row.needs_plugin is not None or row.runner in self._runners
                options.append(Option(row.choice, label, describe_choice(row) if runnable else "cannot run here"))
        options += [
            Option(each.id, f"{each.label} API key")
            for each in self._registry.list_providers()
            if not each.auth and not each.local and login_methods(each)
        ]
        chosen = await prompter.select("Log in to", options, answer_flag="jackfield login ID")
        return find_login(self._registry, str(chosen))

    async def _ask_method(self, methods: tuple[AuthMethod, ...], prompter: Prompter) -> AuthMethod:
        shown = [each for each in methods if not each.hidden] or list(methods)
        options = [Option(each.id, each.label, each.hint) for each in shown]
        chosen = await prompter.select("How", options, answer_flag=f"--method {'|'.join(each.id for each in shown)}")
        return next(each for each in methods if each.id == chosen)

    def _runner(self, provider: Provider, method: AuthMethod) -> Runner:
        runner = self._runners.get(method.runner)
        if runner is None:
            others = [each.id for each in login_methods(provider) if each.runner in self._runners]
            raise RequestError(
                f"The login {method.label!r} cannot be carried out: nothing runs the flow {method.runner!r}.",
                code="login.unavailable",
                fix=f"Use --method {others[0]}." if others else "Use another provider, or its environment variable.",
            )
        return runner

    def _base_url(self, provider: Provider, request: LoginRequest) -> str | None:
        if request.base_url is not None:
            return check_base_url(request.base_url, allow_private_http=True)
        return base_url_of(provider, self._config.settings.provider(names_of(provider)), self._env)

    async def _run(
        self, context: LoginContext, runner: Runner, request: LoginRequest
    ) -> tuple[LoginResult, Verdict | None]:
        for attempt in range(1, _ATTEMPTS + 1):
            result = await runner(context)
            if not request.check:
                return result, None
            verdict = await self._verify(context, result)
            if verdict is None or verdict.state in {"accepted", "reachable"}:
                return result, verdict
            if verdict.state != "refused":
                await self._agree_unverified(context, verdict)
                return result, verdict
            if not request.interactive or request.key is not None or attempt == _ATTEMPTS:
                fix = "Check that the key is whole, still valid, and for this provider. --no-verify skips this check."
                raise CredentialError(_ended(verdict.message), code="credential.refused", fix=fix)
            await context.prompter.note(verdict.message, "Not accepted")
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    async def _verify(self, context: LoginContext, result: LoginResult) -> Verdict | None:
        if context.base_url is None:
            return None
        check = check_for(context.provider, context.method, context.base_url)
        if check is None:
            return None
        progress = context.prompter.progress(f"Asking {context.provider.label} at {origin_of(context.base_url)}")
        try:
            async with self._open_client() as client:
                client.allow_private(origin_of(context.base_url))
                secret = _secret_of(result.profiles[0]) if result.profiles else None
                return await verify(client, check, context.base_url, secret, deadline_s=VERIFY_DEADLINE_S)
        finally:
            # Ctrl-C comes through here too, and must not leave the terminal without its cursor.
            progress.stop()

    async def _agree_unverified(self, context: LoginContext, verdict: Verdict) -> None:
        await context.prompter.note(verdict.message, "Not checked")
        with contextlib.suppress(NeedsTerminalError):  # nobody there is nobody who agrees
            if await context.prompter.confirm("Store it all the same?", answer_flag="--no-verify"):
                return
        raise CredentialError(
            f"{_ended(verdict.message)} Nothing was stored.",
            code="credential.unverified",
            fix="Try again later, or store it unchecked with --no-verify.",
        )

    def _default_ref(self, provider: Provider, result: LoginResult, request: LoginRequest) -> str | None:
        if request.model is not None:
            ref = request.model if "/" in request.model else f"{provider.id}/{request.model}"
            parsed = parse_model_ref(ref)
            if self._registry.resolve_provider(parsed.provider).id != provider.id:
                raise RequestError(
                    f"{ref} is not a model of {provider.label}.",
                    code="login.foreign-model",
                    fix=f"Name one that starts with {provider.id}/.",
                )
            return f"{provider.id}/{parsed.model}"
        if not request.set_default:
            return None
        if result.default_model is None:
            raise RequestError(
                f"{provider.label} proposes no default model.",
                code="login.no-default-model",
                fix=f"Name one with --model {provider.id}/MODEL.",
            )
        return result.default_model

    def _commit(
        self, provider: Provider, result: LoginResult, typed_url: str | None, base_url: str | None, ref: str | None
    ) -> tuple[tuple[str, ...], ...]:
        """Write credentials and config together: the store's transaction ends only when the config is written."""
        changed: list[Change] = []

        def plan(config: LoadedConfig) -> list[Change]:
            changed.extend(_changes(config, provider, result, typed_url, ref))
            return changed

        origin = str(origin_of(base_url)) if base_url else None
        if not result.profiles:
            commit_config(self._config_file, plan)
            return tuple(each.path for each in changed)
        with self._store.transaction() as work:
            for each in result.profiles:
                work.put(Profile(each.id, each.credential, origin=origin), expected_owner="user")
            commit_config(self._config_file, plan)
        return tuple(each.path for each in changed)

    async def _advise(self, provider: Provider, prompter: Prompter, when: str) -> None:
        for row in advisories(self._registry.snapshot()):
            if row.provider == provider.id and row.when == when:
                await prompter.note(f"{row.text} {row.url}" if row.url else row.text, row.title)

    def _texts(self, provider: Provider, when: str) -> tuple[str, ...]:
        rows = advisories(self._registry.snapshot())
        return tuple(row.text for row in rows if row.provider == provider.id and row.when == when)


def _changes(
    config: LoadedConfig, provider: Provider, result: LoginResult, typed_url: str | None, ref: str | None
) -> Iterator[Change]:
    if typed_url is not None:
        yield from base_url_changes(config, provider, typed_url)
    for each in result.profiles:
        yield from profile_changes(config, provider, each.id, each.credential.kind, each.email)
    if ref is not None:
        yield from default_model_changes(config, provider, ref)


def _secret_of(profile: NewProfile) -> Secret:
    credential = profile.credential
    if isinstance(credential, ApiKeyCredential):
        return credential.key
    return credential.token if isinstance(credential, TokenCredential) else credential.access


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."
