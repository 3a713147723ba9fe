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
from jackfield.credentials.exchange import credential_from_shared
from jackfield.credentials.profile import ApiKeyCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.credentials.verify import Verdict, check_for, verify
from jackfield.diagnostics import Diagnostic, format_path
from jackfield.errors import CredentialError, NeedsTerminalError, RemoteError, RequestError, UnknownNameError
from jackfield.ids import parse_model_ref, quoted
from jackfield.imports.plan import ImportContext, plan_import
from jackfield.net import check_base_url, origin_of
from jackfield.providers.block import PLUGIN_RUNNER
from jackfield.providers.views import advisories, choice_groups
from jackfield.records import record, replace
from jackfield.table import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jackfield.auth.browser import Browser
    from jackfield.auth.flows import LoginResult, NewProfile, Runner
    from jackfield.auth.prompter import Prompter
    from jackfield.commits import Commits
    from jackfield.config.file import LoadedConfig
    from jackfield.config.plan import Consent, LoginPlan
    from jackfield.config.settings import ProviderSettings
    from jackfield.credentials.profile import Credential
    from jackfield.credentials.store import CredentialStore
    from jackfield.imports.found import Found
    from jackfield.imports.plan import ImportPlan
    from jackfield.net import HttpClient
    from jackfield.providers.block import AuthMethod, Provider
    from jackfield.providers.registry import ProviderRegistry

VERIFY_DEADLINE_S = 15.0
_ATTEMPTS = 3
_REFUSED_KEY = "Check that the key is whole, still valid, and for this provider. --no-verify skips this check."
_REFUSED_GRANT = "Sign in with an account that may use this provider. --no-verify skips this check."
_USER = "user"
_CANNOT_RUN = "cannot run here"
_ISSUED = Verdict("accepted", "The provider has issued the credential.")
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
class ImportOutcome:
    """What an import did: what became of everything, and the config paths written, outermost key first."""

    plan: ImportPlan
    changed: tuple[tuple[str, ...], ...] = ()


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
        doubts: warnings about the request itself.
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
    doubts: tuple[Diagnostic, ...] = ()
    texts: tuple[str, str] | None = None

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is doubtful, and what the gate left out, and why; what was agreed to is not left out."""
        if self.plan is None:
            return self.doubts
        open_paths = {each.path for each in self.plan.consents if each.code not in self.accepted}
        left_out = (each for each in self.plan.diagnostics if each.code != "patch.conflict" or each.path in open_paths)
        return (*self.doubts, *left_out)


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
        browser: opens pages for the user.
        why_missing: tells why a plugin's provider or login of a name is not there, and what to do; None when no plugin
            is to blame.
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
        browser: Browser | None = None,
        why_missing: Callable[[str], tuple[str, str | None] | None] = lambda _: None,
    ) -> None:
        self._registry = registry
        self._commits = commits
        self._config = config
        self._store = store
        self._runners = runners
        self._open_client = open_client
        self._env = env
        self._clock = clock
        self._browser = browser
        self._why_missing = why_missing

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
        _require_lifetime(provider, method, request)
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
            browser=self._browser,
            open_client=self._open_client,
            clock=self._clock,
        )
        await self._advise(provider, prompter, "before-login")
        result, verdict = await self._run(context, runner, request)
        ref = self._default_ref(provider, result, request)
        owner = _owner_of(method)
        draft = _LoginDraft(self, provider, result, base_url if request.base_url else None, ref, owner)
        planned = draft.plan(self._config)
        _require_something(provider, result, planned)
        draft.accepted = await self._ask_consents(planned, request, result.typed, prompter)
        outcome = LoginOutcome(
            provider=provider.id,
            profiles=tuple(each.id for each in planned.profiles),
            verdict=verdict,
            default_model=ref,
            changed=(),
            notes=(*result.notes, *planned.notes, *self._texts(provider, "after-login")),
            accepted=draft.accepted,
            doubts=tuple(self._model_doubts(provider, ref if request.model is not None else None)),
        )
        if request.dry_run:
            before, after = self._config.document, apply_changes(self._config.document, draft(self._config).changes)
            return replace(
                outcome, plan=draft.made, texts=(before.text, after.text) if before.text != after.text else None
            )
        title = f"login to {provider.id}" + (f" as {', '.join(outcome.profiles)}" if outcome.profiles else "")
        commit = self._commits.commit(owner, title, draft)
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

    def import_found(
        self, found: Found, *, overwrite: bool = False, accept: tuple[str, ...] = (), dry_run: bool = False
    ) -> ImportOutcome:
        """Take over what a source holds, credentials and settings, in one commit; the source stays as it is.

        Args:
            found: what it holds.
            overwrite: whether profiles that are stored, and settings of the config, are replaced.
            accept: codes of the consents that are given.
            dry_run: say what would become of each, and write nothing.

        Raises:
            ConfigError, StoreError: as `Commits.commit`; nothing is written.
        """
        made: list[ImportPlan] = []

        def draft(config: LoadedConfig) -> Draft:
            where = ImportContext(
                registry=self._registry,
                stored={each.id: each for each in self._store.profiles()},
                env=self._env,
                now=self._clock(),
                written=self._commits.written(),
            )
            plan = plan_import(_value(config), found, where, overwrite=overwrite, accept=accept)
            made.append(plan)
            changes = tuple(Change(path, value) for path, value in plan.changes)
            return Draft(changes, tuple(each.profile for each in plan.profiles if each.profile is not None))

        if dry_run:
            self._config.require_valid()
            apply_changes(self._config.document, draft(self._config).changes)
            return ImportOutcome(made[-1])
        commit = self._commits.commit(_USER, f"import from {found.place}", draft)
        return ImportOutcome(made[-1], tuple(dict.fromkeys(each.path for each in commit.steps)))

    def plan(
        self,
        config: LoadedConfig,
        provider: Provider,
        result: dict[str, object],
        typed: tuple[str, ...] = (),
        owner: str = _USER,
    ) -> LoginPlan:
        """Return what a login's result may do to `config` (see `plan_login`); `owner` wrote the login's code."""
        return plan_login(
            _value(config),
            result,
            provider_id=provider.id,
            owner=owner,
            registry=self._registry,
            set_default=result.get("defaultModel") is not None,
            written=self._commits.written(),
            profile_owners={each.id: each.owner for each in self._store.profiles()},
            typed=typed,
        )

    async def _choose(self, request: LoginRequest, prompter: Prompter) -> tuple[Provider, AuthMethod]:
        if request.name is None:
            provider, method = await self._ask_choice(prompter)
        else:
            provider, method = self._find(request.name)
        if request.method is not None:
            method = find_method(provider, request.method)
        methods = login_methods(provider)
        if method is None and methods:
            method = methods[0] if len(methods) == 1 else await self._ask_method(methods, prompter)
        why = self._why_missing(method.supplied_by) if method is not None and method.supplied_by else None
        if why is not None:
            message = f"The login of {provider.label} comes with a plugin that cannot be used. {why[0]}"
            raise RequestError(message, code="login.needs-plugin", fix=why[1])
        require_runnable(provider, method)
        assert method is not None  # noqa: S101 - require_runnable has just seen to it
        return provider, method

    def _find(self, name: str) -> tuple[Provider, AuthMethod | None]:
        try:
            return find_login(self._registry, name)
        except UnknownNameError as error:
            why = self._why_missing(name)
            if why is None:
                raise
            raise UnknownNameError(f"{error.message} {why[0]}", code="login.unknown", fix=why[1]) from None

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
            result = await self._flow(context, runner)
            if not request.check or result.proposal is not None:
                # What a plugin returned may be for an address that the gate has not let in yet: the plugin asks itself.
                return result, None
            verdict = await self._verify(context, result)
            if verdict is None or verdict.state in {"accepted", "reachable"}:
                return result, verdict
            if result.issued and verdict.state != "refused":
                # The provider gave it out just now: a service that does not answer takes nothing from that.
                return result, verdict
            if verdict.state != "refused":
                await self._agree_unverified(context, verdict, interactive=request.interactive)
                return result, verdict
            if not context.prompter.can_retry or request.key is not None or result.issued or attempt == _ATTEMPTS:
                fix = _REFUSED_GRANT if result.issued else _REFUSED_KEY
                raise CredentialError(_ended(verdict.message), code="credential.refused", fix=fix)
            await context.prompter.note(verdict.message, "Not accepted")
        raise AssertionError  # pragma: no cover - the last attempt returns or raises

    async def _flow(self, context: LoginContext, runner: Runner) -> LoginResult:
        """Run the flow; of one that fails, say what the block knows of that."""
        try:
            return await runner(context)
        except NeedsTerminalError:
            await self._advise(context.provider, context.prompter, "no-terminal")
            raise
        except (CredentialError, RemoteError):
            await self._advise(context.provider, context.prompter, "login-failed")
            raise

    async def _verify(self, context: LoginContext, result: LoginResult) -> Verdict | None:
        if result.issued and (context.method.verify or context.provider.verify) is None:
            # A list of models, which other logins are checked by, proves nothing of a grant for an account.
            return _ISSUED
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

    async def _agree_unverified(self, context: LoginContext, verdict: Verdict, *, interactive: bool) -> None:
        reason = _ended(verdict.message)
        with contextlib.suppress(NeedsTerminalError):  # nobody there is nobody who agrees
            if await context.prompter.confirm(f"{reason} Store it all the same?", answer_flag="--no-verify"):
                return
            if interactive:  # a person has just read the reason in the question
                reason = "The credential was not checked."
        raise CredentialError(
            f"{reason} Nothing was stored.",
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

    def _model_doubts(self, provider: Provider, ref: str | None) -> Iterator[Diagnostic]:
        """Warn of a model that neither the block nor the config lists: vendors add models daily, and people mistype."""
        if ref is None or not provider.models or provider.discovery is not None:
            return
        model = ref.partition("/")[2]
        entry = self._config.settings.provider(names_of(provider))
        own = {str(each.get("id")) for each in entry.models} if entry else set()
        if model in own or model in provider.short_names or provider.model(model) is not None:
            return
        near = nearest(model, (*(each.id for each in provider.models), *sorted(own)))
        yield Diagnostic(
            "login.unlisted-model",
            f"{provider.label} has no model {quoted(model)} in its list here; it is the default all the same.",
            "warning",
            hint=f"Did you mean {' or '.join(near)}?" if near else f"See: jackfield providers show {provider.id}",
        )

    async def _ask_consents(
        self, plan: LoginPlan, request: LoginRequest, typed: tuple[str, ...], prompter: Prompter
    ) -> frozenset[str]:
        """Return the codes of the consents that are given: by flag, by having typed the address, or by a person."""
        accepted = set(request.accept)
        if request.base_url is not None or _is_typed(plan, typed):
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
        self,
        onboarding: Onboarding,
        provider: Provider,
        result: LoginResult,
        typed_url: str | None,
        ref: str | None,
        owner: str,
    ) -> None:
        self._onboarding = onboarding
        self._provider = provider
        self._result = result
        self._typed_url = typed_url
        self._typed = (*result.typed, *((typed_url,) if typed_url else ()))
        self._ref = ref
        self._owner = owner
        self.accepted: frozenset[str] = frozenset()
        self.made: LoginPlan | None = None

    def plan(self, config: LoadedConfig) -> LoginPlan:
        """Plan the login on `config`, through the gate that every login goes through."""
        return self._onboarding.plan(config, self._provider, self._outcome(config), self._typed, self._owner)

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
        keep = [Profile(id_, credential, origin=origin, owner=self._owner) for id_, credential in self._kept(plan)]
        # A literal key in the patch goes into the store, for the address it came with; the config refers to it.
        keep += [
            Profile(each.profile, ApiKeyCredential(Secret(each.key)), origin=each.origin, owner=self._owner)
            for each in plan.patch.granted_secrets(self.accepted)
        ]
        return Draft(tuple(changes), tuple(keep))

    def _kept(self, plan: LoginPlan) -> Iterator[tuple[str, Credential]]:
        """Yield the credentials that the gate lets in; of a plugin's, what is no credential refuses the whole."""
        if self._result.proposal is None:
            allowed = {each.id for each in plan.profiles}
            yield from ((each.id, each.credential) for each in self._result.profiles if each.id in allowed)
            return
        for each in plan.profiles:
            try:
                yield each.id, credential_from_shared(each.fields, each.kind)
            except RequestError as error:
                message = f"The login of {self._provider.label} returned a credential that cannot be kept."
                raise RequestError(message, code="login.refused", diagnostics=error.diagnostics) from None

    def _entry_of_other_spelling(self, config: LoadedConfig) -> ProviderSettings | None:
        """Return the provider's entry where it stands under an alias: an address that was typed goes there.

        A second entry, under the id, would hide everything else that the first one says.
        """
        entry = config.settings.provider(names_of(self._provider))
        return entry if entry is not None and entry.key != self._provider.id else None

    def _outcome(self, config: LoadedConfig) -> dict[str, object]:
        """Return what the login came to in the form in which every login hands it to the gate."""
        proposal = self._result.proposal
        given = proposal.get("configPatch") if proposal is not None else dict(self._result.config_patch or {})
        patch: object = {} if given is None else given
        entry = config.settings.provider(names_of(self._provider))
        current = (entry.base_url if entry else None) or self._provider.base_url or ""
        typed_new = self._typed_url not in (None, current.rstrip("/")) and self._entry_of_other_spelling(config) is None
        if typed_new and isinstance(patch, dict):
            own = at(patch, ("models", "providers", self._provider.id))
            # Without a list of models other programs take a new entry for broken.
            start: dict[str, object] = {"models": []} if entry is None else {}
            typed = {**start, **(own if isinstance(own, dict) else {}), "baseUrl": self._typed_url}
            patch = put(dict(patch), ("models", "providers", self._provider.id), typed)
        if proposal is not None:
            return {**proposal, "configPatch": patch, "defaultModel": self._ref}
        return {
            "profiles": [
                {"profileId": each.id, "credential": _credential_fields(self._provider.id, each)}
                for each in self._result.profiles
            ],
            "configPatch": patch,
            "defaultModel": self._ref,
        }


def _require_something(provider: Provider, result: LoginResult, plan: LoginPlan) -> None:
    """Refuse a plugin's login that returned nothing: its user would believe to be logged in."""
    if result.proposal is not None and not (plan.refused or plan.profiles or plan.changes):
        raise RequestError(
            f"The login of {provider.label} returned neither a credential nor a change.",
            code="login.nothing",
            fix="Tell the author of the plugin.",
            diagnostics=plan.diagnostics,
        )


def _is_typed(plan: LoginPlan, typed: tuple[str, ...]) -> bool:
    """Tell whether the user typed the address that a login writes, or one of the same origin."""
    written = [value for path, value in plan.changes if path[-1] == "baseUrl" and isinstance(value, str)]
    origins = set()
    for each in typed:
        with contextlib.suppress(RequestError):  # what is no base URL was no consent to one
            origins.add(origin_of(check_base_url(each, allow_private_http=True)))
    return bool(written) and all(origin_of(each) in origins for each in written)


def _owner_of(method: AuthMethod) -> str:
    """Return who wrote the code of a login: `user` stands for core, whose logins do what the user typed."""
    plugin_id = method.runner.removeprefix(PLUGIN_RUNNER).partition("/")[0]
    return f"{PLUGIN_RUNNER}{plugin_id}" if method.runner.startswith(PLUGIN_RUNNER) else _USER


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


def _require_lifetime(provider: Provider, method: AuthMethod, request: LoginRequest) -> None:
    """Refuse a lifetime for what has none: a key would be used long after its user thinks that it has ended."""
    if request.expires_in is None or method.kind == "token":
        return
    tokens = [each.id for each in login_methods(provider) if each.kind == "token"]
    raise RequestError(
        f"Only a pasted token has a lifetime; what comes of the login {method.label!r} has none.",
        code="login.no-lifetime",
        fix="Leave --expires-in out" + (f", or paste a token with --method {tokens[0]}." if tokens else "."),
    )


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."
