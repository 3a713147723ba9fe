"""Login: choose, run the flow, check the credential, plan, commit credentials and config together.

Everything that can go wrong comes before the commit; until then nothing is written anywhere.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from jackfield.auth.flows import LoginContext
from jackfield.auth.methods import describe_choice, find_login, find_method, login_methods, require_runnable
from jackfield.auth.prompter import Option
from jackfield.commits import Draft
from jackfield.config.file import Change, apply_changes
from jackfield.config.host import at, forget_changes
from jackfield.config.overlay import base_url_of, names_of
from jackfield.config.plan import plan_login
from jackfield.config.values import plain_object, put
from jackfield.credentials.profile import ApiKeyCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.credentials.verify import check_for, verify
from jackfield.diagnostics import format_path
from jackfield.errors import CredentialError, NeedsTerminalError, RequestError
from jackfield.ids import parse_model_ref
from jackfield.net import check_base_url, origin_of
from jackfield.providers.views import advisories, choice_groups
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jackfield.auth.flows import LoginResult, NewProfile, Runner
    from jackfield.auth.prompter import Prompter
    from jackfield.commits import Commits
    from jackfield.config.file import LoadedConfig
    from jackfield.config.plan import Consent, LoginPlan
    from jackfield.config.settings import ProviderSettings
    from jackfield.credentials.store import CredentialStore
    from jackfield.credentials.verify import Verdict
    from jackfield.diagnostics import Diagnostic
    from jackfield.net import HttpClient
    from jackfield.providers.block import AuthMethod, Provider
    from jackfield.providers.registry import ProviderRegistry

VERIFY_DEADLINE_S = 15.0
_ATTEMPTS = 3
_CANNOT_RUN = "cannot run here"
# Who types an address agrees to what follows from it.
_GIVEN_BY_TYPING = frozenset({"origin-change", "private-http"})


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
        accept: codes of the consents that are given without asking.
        dry_run: go through all of it, and write nothing.
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
    accept: tuple[str, ...] = ()
    dry_run: bool = False


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
        plan: what the gate made of the login: changes, diagnostics, consents.
        accepted: codes of the consents that were given.
        texts: the config's text before and after, for a dry run; None where nothing would change.
    """

    provider: str
    profiles: tuple[str, ...]
    verdict: Verdict | None
    default_model: str | None
    changed: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    plan: LoginPlan | None = None
    accepted: frozenset[str] = frozenset()
    texts: tuple[str, str] | None = None

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What the gate left out, and why; what was agreed to is not left out."""
        if self.plan is None:
            return ()
        open_paths = {each.path for each in self.plan.consents if each.code not in self.accepted}
        return tuple(each for each in self.plan.diagnostics if each.code != "patch.conflict" or each.path in open_paths)


class Onboarding:
    """Logs in and out.

    Args:
        registry: the providers there are.
        commits: writes config and credentials together.
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
        commits: Commits,
        config: LoadedConfig,
        store: CredentialStore,
        runners: Mapping[str, Runner],
        open_client: Callable[[], HttpClient],
        env: Mapping[str, str],
        clock: Callable[[], int],
    ) -> None:
        self._registry = registry
        self._commits = commits
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
            ConfigError, StoreError: the commit failed; nothing is written. `login.refused` when the gate refuses it.
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
        draft = _LoginDraft(self, provider, result, base_url if request.base_url else None, ref)
        draft.accepted = await self._ask_consents(draft.plan(self._config), request, prompter)
        outcome = LoginOutcome(
            provider=provider.id,
            profiles=tuple(each.id for each in result.profiles),
            verdict=verdict,
            default_model=ref,
            changed=(),
            notes=(*result.notes, *self._texts(provider, "after-login")),
            accepted=draft.accepted,
        )
        if request.dry_run:
            before, after = self._config.document, apply_changes(self._config.document, draft(self._config).changes)
            return replace(
                outcome, plan=draft.made, texts=(before.text, after.text) if before.text != after.text else None
            )
        title = f"login to {provider.id}" + (f" as {', '.join(outcome.profiles)}" if outcome.profiles else "")
        commit = self._commits.commit("user", title, draft)
        return replace(outcome, plan=draft.made, changed=tuple(each.path for each in commit.steps))

    def logout(self, profile_ids: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """Forget these profiles in the store and the config together; return the config paths changed."""

        def draft(config: LoadedConfig) -> Draft:
            value = _value(config)
            changes: dict[tuple[str, ...], object] = {}
            for each in profile_ids:
                for path, left in forget_changes(value, each):
                    changes[path] = left
                    value = put(value, path, left)
            return Draft(tuple(Change(*each) for each in changes.items()), remove=profile_ids)

        commit = self._commits.commit("user", f"logout of {', '.join(profile_ids)}", draft)
        return tuple(each.path for each in commit.steps)

    def plan(
        self, config: LoadedConfig, provider: Provider, result: dict[str, object], typed_url: str | None
    ) -> LoginPlan:
        """Return what a login's result may do to `config` (see `plan_login`)."""
        return plan_login(
            _value(config),
            result,
            provider_id=provider.id,
            owner="user",
            registry=self._registry,
            set_default=result.get("defaultModel") is not None,
            written=self._commits.written(),
            profile_owners={each.id: each.owner for each in self._store.profiles()},
            typed=(typed_url,) if typed_url else (),
        )

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
                options.append(Option(row.choice, label, describe_choice(row) if runnable else _CANNOT_RUN))
        options += [
            Option(each.id, f"{each.label} API key")
            for each in self._registry.list_providers()
            if not each.auth and not each.local and login_methods(each)
        ]
        first = next((each.value for each in options if each.hint != _CANNOT_RUN), None)
        chosen = await prompter.select("Log in to", options, initial=first, answer_flag="jackfield login ID")
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
            if not context.prompter.can_retry or request.key is not None or attempt == _ATTEMPTS:
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

    async def _ask_consents(self, plan: LoginPlan, request: LoginRequest, prompter: Prompter) -> frozenset[str]:
        """Return the codes of the consents that are given: by flag, by having typed the address, or by a person."""
        accepted = set(request.accept)
        if request.base_url is not None:
            accepted |= _GIVEN_BY_TYPING
            # The code covers every leaf that has it, so it is given only where the address is the one overwritten.
            if all(each.path[-1] == "baseUrl" for each in plan.consents if each.code == "overwrite"):
                accepted.add("overwrite")
        questions: dict[str, list[Consent]] = {}
        for each in plan.consents:
            questions.setdefault(each.code, []).append(each)
        for code, asked in questions.items():
            if code in accepted or not request.interactive:
                continue
            where = ", ".join(format_path(each.path) for each in asked)
            if await prompter.confirm(f"{asked[0].question} ({where})", answer_flag=f"--accept {code}"):
                accepted.add(code)
        return frozenset(accepted)

    async def _advise(self, provider: Provider, prompter: Prompter, when: str) -> None:
        for row in advisories(self._registry.snapshot()):
            if row.provider == provider.id and row.when == when:
                await prompter.note(f"{row.text} {row.url}" if row.url else row.text, row.title)

    def _texts(self, provider: Provider, when: str) -> tuple[str, ...]:
        rows = advisories(self._registry.snapshot())
        return tuple(row.text for row in rows if row.provider == provider.id and row.when == when)


class _LoginDraft:
    """Drafts a login's commit: called again on the config as it is under the lock, so that it plans on that."""

    def __init__(
        self, onboarding: Onboarding, provider: Provider, result: LoginResult, typed_url: str | None, ref: str | None
    ) -> None:
        self._onboarding = onboarding
        self._provider = provider
        self._result = result
        self._typed_url = typed_url
        self._ref = ref
        self.accepted: frozenset[str] = frozenset()
        self.made: LoginPlan | None = None

    def plan(self, config: LoadedConfig) -> LoginPlan:
        """Plan the login on `config`, through the gate that every login goes through."""
        return self._onboarding.plan(config, self._provider, self._outcome(config), self._typed_url)

    def __call__(self, config: LoadedConfig) -> Draft:
        self.made = plan = self.plan(config)
        if plan.refused:
            raise RequestError(
                f"The login of {self._provider.label} was refused; nothing is written.",
                code="login.refused",
                diagnostics=plan.diagnostics,
            )
        plan.apply(_value(config), self.accepted)
        changes = [Change(path, value) for path, value in plan.patch.granted(self.accepted)]
        origin = plan.patch.origin if self._typed_url is None else str(origin_of(self._typed_url))
        entry = self._entry_of_other_spelling(config)
        if self._typed_url is not None and entry is not None and entry.base_url != self._typed_url:
            changes.append(Change((*entry.path, "baseUrl"), self._typed_url))
        allowed = {each.id for each in plan.profiles}
        keep = [
            Profile(each.id, each.credential, origin=origin) for each in self._result.profiles if each.id in allowed
        ]
        # A literal key in the patch goes into the store, for the address it came with; the config refers to it.
        keep += [
            Profile(each.profile, ApiKeyCredential(Secret(each.key)), origin=each.origin)
            for each in plan.patch.granted_secrets(self.accepted)
        ]
        return Draft(tuple(changes), tuple(keep))

    def _entry_of_other_spelling(self, config: LoadedConfig) -> ProviderSettings | None:
        """Return the provider's entry where it stands under an alias: an address that was typed goes there.

        A second entry, under the id, would hide everything else that the first one says.
        """
        entry = config.settings.provider(names_of(self._provider))
        return entry if entry is not None and entry.key != self._provider.id else None

    def _outcome(self, config: LoadedConfig) -> dict[str, object]:
        """Return what the login came to in the form in which every login hands it to the gate."""
        patch: Mapping[str, object] = self._result.config_patch or {}
        entry = config.settings.provider(names_of(self._provider))
        current = (entry.base_url if entry else None) or self._provider.base_url or ""
        if self._entry_of_other_spelling(config) is None and self._typed_url not in (None, current.rstrip("/")):
            own = at(patch, ("models", "providers", self._provider.id))
            # Without a list of models other programs take a new entry for broken.
            start: dict[str, object] = {"models": []} if entry is None else {}
            typed = {**start, **(own if isinstance(own, dict) else {}), "baseUrl": self._typed_url}
            patch = put(dict(patch), ("models", "providers", self._provider.id), typed)
        return {
            "profiles": [
                {"profileId": each.id, "credential": _credential_fields(self._provider.id, each)}
                for each in self._result.profiles
            ],
            "configPatch": patch,
            "defaultModel": self._ref,
        }


def _value(config: LoadedConfig) -> dict[str, object]:
    """Return the config as plain values; that it is an object was checked when it was read."""
    value = config.document.value
    return plain_object(value) if isinstance(value, dict) else {}


def _credential_fields(provider_id: str, profile: NewProfile) -> dict[str, object]:
    fields = {name: value for name, value in profile.credential.to_secret_dict().items() if value is not None}
    return {"type": fields.pop("kind"), "provider": provider_id, **fields}


def _secret_of(profile: NewProfile) -> Secret:
    credential = profile.credential
    if isinstance(credential, ApiKeyCredential):
        return credential.key
    return credential.token if isinstance(credential, TokenCredential) else credential.access


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."
