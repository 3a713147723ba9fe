"""The one place where the parts are put together: an `App` owns what lives, and closes it."""

from __future__ import annotations

import contextlib
import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from jackfield._files import PRIVATE_FILE
from jackfield.auth.flows import CORE_RUNNERS
from jackfield.config.document import Document
from jackfield.config.file import LoadedConfig, load_config
from jackfield.config.overlay import CONFIG, base_url_of, config_providers, is_at, names_of
from jackfield.config.paths import find_paths
from jackfield.config.settings import Settings, read_settings
from jackfield.credentials.envelope import PlainCipher, choose_cipher, is_sealed
from jackfield.credentials.sources import find_sources, pick_source, require_address, surroundings_without_store
from jackfield.credentials.store import CredentialStore, now_ms
from jackfield.errors import ConfigError, CredentialError, StoreError, UnknownNameError
from jackfield.ids import canonical_id
from jackfield.providers.registry import ProviderRegistry
from jackfield.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from jackfield.auth.flows import Runner
    from jackfield.calls.runner import Answer
    from jackfield.commits import Commits, Draft
    from jackfield.config.paths import Paths
    from jackfield.credentials.envelope import Cipher, Label
    from jackfield.credentials.refresh import Exchange
    from jackfield.credentials.sources import Source, Surroundings
    from jackfield.diagnostics import Diagnostic
    from jackfield.doctor import Case, Finding
    from jackfield.net import HttpClient
    from jackfield.onboarding import Onboarding
    from jackfield.plugins.found import FoundPlugin
    from jackfield.plugins.loader import LoadedPlugin, Plugins
    from jackfield.plugins.session import Limits
    from jackfield.providers.block import Provider
    from jackfield.resolution import Credentials, Endpoint


class App:
    """An application's providers, config and credentials. Opens each file when it is first needed.

    Args:
        env: the environment; the process's own when left out.
        paths: where files live; found from the environment when left out.
        clock: ms since the epoch.
        workspace: the folder that the user works in; its own plugins are listed and not loaded.

    >>> with App(env={"JACKFIELD_HOME": "/nonexistent"}) as app:
    ...     app.registry.resolve_provider("z.ai").label
    'Z.AI (GLM 4.7)'
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str] | None = None,
        paths: Paths | None = None,
        clock: Callable[[], int] = now_ms,
        workspace: Path | None = None,
    ) -> None:
        self.env: Mapping[str, str] = dict(os.environ if env is None else env)
        self.paths = paths or find_paths(self.env)
        self.clock = clock
        self.workspace = workspace
        self.plugin_limits: Limits | None = None
        """How long and how much a plugin may; the usual limits without it."""
        self.runners: dict[str, Runner] = dict(CORE_RUNNERS)
        self.cipher = LazyCipher(self.env)
        self._store: CredentialStore | None = None
        self._refused: tuple[Diagnostic, ...] = ()
        self._config_faults: tuple[Diagnostic, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close what was opened. Twice is once."""
        if self._store is not None:
            self._store.close()

    @cached_property
    def config(self) -> LoadedConfig:
        """The config file as it is now. One that cannot be read counts as empty, and its faults as diagnostics.

        That keeps one broken file from blocking every provider; whoever writes calls `require_config` first.
        """
        try:
            return load_config(self.paths.config_file)
        except ConfigError as error:
            faults = error.diagnostics or (_as_diagnostic(error),)
            return LoadedConfig(self.paths.config_file, True, Document.empty(), Settings(), tuple(faults))

    def require_config(self) -> LoadedConfig:
        """Return the config, read anew; raise `ConfigError` with every fault when it is wrong."""
        self.__dict__.pop("config", None)
        self.commits.recover()
        loaded = load_config(self.paths.config_file)
        loaded.require_valid()
        self.__dict__["config"] = loaded
        return loaded

    @cached_property
    def registry(self) -> ProviderRegistry:
        """The core providers, those of plugins, and those that only the config knows."""
        registry = ProviderRegistry.with_core()
        self._enter_plugins(registry)
        blocks, self._config_faults = config_providers(self.config.settings, _is_known(registry))
        registry.register_providers(blocks, owner=CONFIG)
        return registry

    @cached_property
    def found_plugins(self) -> tuple[tuple[FoundPlugin, ...], tuple[Diagnostic, ...]]:
        """Every plugin there is, enabled or not, and what is wrong with their folders and manifests; runs none."""
        from jackfield.plugins.discovery import find_plugins

        base = self.paths.config_file.parent
        settings = self.config.settings.plugins
        home = self.env.get("HOME")
        return find_plugins(
            settings,
            self.paths.plugins_dir,
            base=base,
            workspace=self.workspace,
            home=Path(home) if home else None,
        )

    @cached_property
    def plugins(self) -> Plugins:
        """What loads and runs plugins."""
        from jackfield.plugins.loader import Plugins

        found, settings = self.found_plugins[0], self.config.settings.plugins
        return Plugins(
            found,
            settings,
            self.paths,
            self.env,
            self._plugin_view,
            self.clock,
            workspace=self.workspace,
            limits=self.plugin_limits,
        )

    @cached_property
    def loaded_plugins(self) -> tuple[LoadedPlugin, ...]:
        """Every enabled plugin with what came of loading it; of one that did not change, the last time."""
        return self.plugins.load() if any(each.status == "enabled" for each in self.found_plugins[0]) else ()

    def load_plugins(self) -> tuple[LoadedPlugin, ...]:
        """Start every enabled plugin anew, and return what came of it."""
        self.__dict__["loaded_plugins"] = self.plugins.load(fresh=True)
        self.__dict__.pop("registry", None)
        return self.loaded_plugins

    def switch_plugin(self, plugin_id: str, *, enabled: bool) -> tuple[tuple[str, ...], ...]:
        """Enable or disable a plugin, and return the config paths that were changed; `config undo` takes it back.

        Raises:
            ConfigError: the config is wrong.
            RequestError: the config forbids it: `plugin.off`, or `plugin.denied` while it stands in `plugins.deny`.
        """
        from jackfield.commits import Draft
        from jackfield.config.file import Change
        from jackfield.plugins.states import enable_change

        def draft(config: LoadedConfig) -> Draft:
            wanted = enable_change(config.settings.plugins, plugin_id, enabled)
            return Draft(tuple(Change(path, value) for path, value in wanted))

        self.require_config()
        commit = self.commits.commit("user", f"plugin {plugin_id} {'enabled' if enabled else 'disabled'}", draft)
        for name in ("config", "found_plugins", "plugins", "loaded_plugins", "registry"):
            self.__dict__.pop(name, None)
        return tuple(each.path for each in commit.steps)

    @property
    def plugin_diagnostics(self) -> tuple[Diagnostic, ...]:
        """What is wrong with the plugins there are and with what they registered."""
        self.registry  # noqa: B018 - what is refused is known once they are registered
        loaded = (fault for each in self.loaded_plugins for fault in each.diagnostics)
        elsewhere = set(self.registry.diagnostics())
        told = dict.fromkeys((*self.found_plugins[1], *loaded, *self._refused))
        return tuple(each for each in told if each not in elsewhere)

    def plugin_state(self, plugin: FoundPlugin) -> tuple[str, str | None]:
        """Return how a plugin stands without running it: `enabled`, `disabled`, `error` or `unavailable`, and why."""
        if plugin.status != "enabled" or plugin.candidate.language == "python":
            return plugin.status, plugin.reason
        missing = self.plugins.missing_runtime
        return ("enabled", None) if missing is None else ("unavailable", missing)

    def why_missing(self, name: str) -> tuple[str, str | None] | None:
        """Return why a provider or login of a plugin is not there, and what to do; None when no plugin is to blame.

        Args:
            name: id or alias of a provider, a login choice, or the id of a plugin.
        """
        wanted = canonical_id(name)
        failed = {each.found.id: each for each in self.loaded_plugins if each.failed or not each.providers}
        for each in self.found_plugins[0]:
            if wanted not in (each.id, *_names_in(each)):
                continue
            if each.status != "enabled":
                fix = f"See: jackfield plugins show {each.id}"
                return f"The plugin {each.id} is {each.status}: {each.reason}.", fix
            faults = failed[each.id].diagnostics if each.id in failed else ()
            if faults:
                return faults[0].message, faults[0].hint
        return None

    def _enter_plugins(self, registry: ProviderRegistry) -> None:
        self._refused = ()
        if self.loaded_plugins:
            runners, self._refused = self.plugins.register(registry, self.loaded_plugins)
            self.runners.update(runners)

    def _plugin_view(self) -> dict[str, object]:
        """Return the config as plugins see it: without secrets, and as it is now."""
        from jackfield.config.guard.view import frozen_view
        from jackfield.config.values import plain_object

        value = self.config.document.value
        return plain_object(frozen_view(value if isinstance(value, dict) else {}))

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything found wrong that did not stop the program: config, registry, plugins, store."""
        return (
            *self.config_diagnostics,
            *self.registry.diagnostics(),
            *self.plugin_diagnostics,
            *self.store.diagnostics(),
        )

    @property
    def config_diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything wrong with the config: its shape, and the providers in it that cannot be registered."""
        shape = self.config.diagnostics
        self.registry  # noqa: B018 - which entries are providers of their own is known once it is built
        # An entry whose shape is wrong cannot be a block either: once is enough.
        told = {each.path[:3] for each in shape if each.severity == "error"}
        return (*shape, *(self._placed(each) for each in self._config_faults if each.path[:3] not in told))

    def _placed(self, fault: Diagnostic) -> Diagnostic:
        """Return a fault of a provider's entry with its place, or that of the entry where the fault has none."""
        found = self.config.placed(fault)
        if found.line is None:
            entry = self.config.placed(replace(fault, path=fault.path[:3]))
            found = replace(found, line=entry.line, column=entry.column)
        return found

    @property
    def store(self) -> CredentialStore:
        """The credential store; no file is made before something is kept."""
        if self._store is None:
            self._store = CredentialStore.open(self.paths.store_file, cipher=self.cipher, clock=self.clock)
        return self._store

    def http_client(self) -> HttpClient:
        """Return a new HTTP client, to be opened with `async with`; it honours the proxy and CA variables."""
        from jackfield import __version__
        from jackfield.net import HttpClient

        return HttpClient(env=self.env, user_agent=f"jackfield/{__version__}")

    def surroundings(self) -> Surroundings:
        """Return what credentials are looked for in, as it is now; first finishes what a killed login began."""
        if self.commits.recover():
            self.__dict__.pop("config", None)
        profiles = self.store.profiles()
        providers = {each.provider for each in profiles}
        order = {each: self.store.order(each) for each in providers}
        return replace(self.surroundings_without_store(), profiles=profiles, stored_order=order)

    def surroundings_without_store(self) -> Surroundings:
        """Return what credentials are looked for in while the store cannot be read: environment and config."""
        where = surroundings_without_store(self.config.settings, self.env, self.clock())
        return replace(where, doubt=self._doubt)

    def _doubt(self, provider: Provider) -> Diagnostic | None:
        """Return what in the config keeps from knowing where this provider's requests go, None when nothing does."""
        names = names_of(provider)
        for each in self.config.diagnostics:
            whole = each.path[:2] in {(), ("models",), ("models", "providers")}
            decides = whole and (len(each.path) < 3 or canonical_id(each.path[2]) in names)
            if each.severity == "error" and (decides or each.code.startswith("config.include")):
                return each
        return None

    def sources(self, provider: Provider) -> tuple[Source, ...]:
        """Return every source of a credential for `provider`, best first."""
        return find_sources(provider, self.surroundings())

    def credential(self, name: str, *, profile: str | None = None) -> Source:
        """Return the credential that wins for a provider; its `secret` is what is sent.

        Args:
            name: the provider's id or alias.
            profile: id of the one profile to use.

        It is for the provider's base URL in force, which the config may change: `endpoint` gives both together.

        Raises:
            UnknownNameError: `registry.unknown`.
            ConfigError: `config.unsure-address` when the config is wrong where it decides where requests go.
            CredentialError: `credential.profile` when that profile cannot be used, `credential.none` when there is
                nothing to use, `credential.locked` when it was stored for another origin than the base URL's.
        """
        from jackfield.status import how_to_configure

        provider = self.registry.resolve_provider(name)
        where = self.surroundings()
        require_address(provider, where)
        source = pick_source(find_sources(provider, where), profile=profile)
        if source is None:
            message = f"There is no credential for {provider.label}."
            raise CredentialError(message, code="credential.none", fix=how_to_configure(provider))
        url = base_url_of(provider, self.config.settings.provider(names_of(provider)), self.env)
        if source.origin is not None and url is not None and not is_at(url, source.origin):
            raise CredentialError(
                f"The credential of {provider.label} in {source.label} was stored for {source.origin}, and requests go "
                "to another address now.",
                code="credential.locked",
                fix=f"Log in again for the new address (jackfield login {provider.id}), or restore the old one.",
            )
        return source

    @cached_property
    def credentials(self) -> Credentials:
        """What resolves credentials and endpoints for calls: renewed, and bound to their origin."""
        from jackfield.auth.refreshers import exchange_for
        from jackfield.resolution import Credentials
        from jackfield.status import how_to_configure

        def exchange(provider: Provider) -> Exchange | None:
            return exchange_for(provider, open_client=self.http_client, env=self.env, clock=self.clock)

        return Credentials(
            registry=lambda: self.registry,
            where=self._current_surroundings,
            stamp=self._stamp,
            store=lambda: self.store,
            plugins=lambda: self.plugins if self.loaded_plugins else None,
            exchange=exchange,
            open_client=self.http_client,
            how_to=how_to_configure,
        )

    def endpoint(self, ref: str, *, profile: str | None = None) -> Endpoint:
        """Return where and how a model (`provider/model`) is called; see `Credentials.endpoint_async`."""
        return self.credentials.endpoint(ref, profile=profile)

    def ask(
        self,
        ref: str,
        prompt: str,
        *,
        system: str | None = None,
        max_tokens: int | None = None,
        profile: str | None = None,
        hear: Callable[[str], None] = lambda _: None,
    ) -> Answer:
        """Put one question to a model, and return its answer; see `jackfield.calls.runner.Caller.ask`.

        Args:
            ref: `provider/model`.
            prompt: the question.
            system: what the model is told beforehand.
            max_tokens: the most tokens of the answer.
            profile: id of the one credential profile to use.
            hear: called with each piece of text when it comes.

        Raises:
            JackfieldError: nothing came of an answer. One that broke off after its first text has an `error`.
        """
        from jackfield.calls.parts import Message
        from jackfield.calls.runner import Caller
        from jackfield.net import run_sync

        async def ask() -> Answer:
            async with self.http_client() as client:
                caller = Caller(self.registry, self.credentials, client)
                turns = [Message("user", prompt)]
                return await caller.ask(ref, turns, system=system, max_tokens=max_tokens, profile=profile, hear=hear)

        return run_sync(ask())

    def _stamp(self) -> object:
        """Return a value that is another one when config or store may have changed; None when that cannot be told."""
        store = self.store.stamp() if _file_stamp(self.paths.store_file) else None
        included = tuple(_file_stamp(each.path) for each in self.config.includes)
        return (_file_stamp(self.paths.config_file), included, store)

    def _current_surroundings(self) -> Surroundings:
        """Return what credentials are looked for in, with the config as it is in the file now."""
        self.__dict__.pop("config", None)
        return self.surroundings()

    @cached_property
    def commits(self) -> Commits:
        """What writes config and credentials together, and takes it back."""
        from jackfield.commits import Commits

        return Commits(self.paths.config_file, self.store, self.clock)

    def examine(self) -> tuple[Finding, ...]:
        """Return what is wrong or doubtful with the set-up."""
        from jackfield.doctor import examine

        recovered = self.commits.recover()
        self.__dict__.pop("config", None)
        return examine(self._case(recovered))

    def repair(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Make the repairs of `findings` in one commit, and return those that are not found any more.

        Files are made private first: what hinders a commit does not keep a secret open.

        Raises:
            ConfigError, StoreError: as `Commits.commit`; neither config nor store is changed then.
        """
        from jackfield.doctor import draft_repairs

        wanted = tuple(each for each in findings if each.repair is not None)

        def draft(config: LoadedConfig) -> Draft:
            self.__dict__["config"] = config
            return draft_repairs(wanted, self._case())

        for path in dict.fromkeys(path for each in wanted if each.repair for path in each.repair.private):
            # Somebody else's file stays as it is, and is found again.
            with contextlib.suppress(OSError):
                Path(path).chmod(PRIVATE_FILE)
        if any(each.repair and (each.repair.changes or each.repair.remove) for each in wanted):
            count = "1 repair" if len(wanted) == 1 else f"{len(wanted)} repairs"
            self.commits.commit("doctor", f"{count} by doctor", draft)
        left = {(each.code, each.message, each.path) for each in self.examine()}
        return tuple(each for each in wanted if (each.code, each.message, each.path) not in left)

    def _case(self, more: Iterable[Diagnostic] = ()) -> Case:
        """Return everything that the doctor looks at, as it is now, on the config that was read last."""
        from jackfield.credentials.legacy import legacy_folders
        from jackfield.doctor import Case

        self.__dict__.pop("registry", None)
        plugins = (each for each in self.plugin_diagnostics if each.severity != "info")
        found: tuple[Diagnostic, ...] = (*more, *self.registry.diagnostics(), *plugins)
        stored = self.store.diagnostics()
        try:
            where = self.surroundings()
        except StoreError as error:
            # The doctor is needed most when the store is broken: that is a finding, and the rest is looked at.
            where = self.surroundings_without_store()
            stored = stored if any(each.severity == "error" for each in stored) else (*stored, _as_diagnostic(error))
        where, unwritable = self._with_shut(where)
        return Case(
            registry=self.registry,
            config=replace(self.config, diagnostics=self.config_diagnostics),
            where=where,
            diagnostics=(*found, *stored),
            open_files=self._open_files(),
            old_folders=tuple(map(str, legacy_folders(self.env))),
            unwritable="Mend the errors of the config first." if self.config.errors else unwritable,
        )

    def _with_shut(self, where: Surroundings) -> tuple[Surroundings, str | None]:
        """Return the surroundings with the stored profiles that cannot be opened, and why no commit can be made now."""
        from jackfield.credentials.sources import SHUT_REASONS

        try:
            shut, fault = self.store.shut_profiles(), self.store.write_fault()
        except StoreError:
            return replace(where, unread=True), "Mend the credential store first."
        where = replace(where, shut={name: SHUT_REASONS[each.code] for name, each in shut.items()})
        return where, None if fault is None else fault.fix

    def _open_files(self) -> tuple[str, ...]:
        """Return the config files that hold a literal key and that other accounts may read."""
        path = self.paths.config_file
        literal = any(
            each.api_key and not each.api_key.startswith(("${", "profile:"))
            # Files that are taken in are looked at on their own.
            for each in read_settings(self.config.document.own).providers
        )
        is_open = os.name == "posix" and path.exists() and path.stat().st_mode & 0o077
        return (str(path),) if literal and is_open else ()

    def onboarding(self, *, open_browser: bool = True) -> Onboarding:
        """Return what logs in and out, over this app's parts; without `open_browser` it shows addresses only."""
        from jackfield.auth.browser import Browser
        from jackfield.onboarding import Onboarding

        return Onboarding(
            registry=self.registry,
            commits=self.commits,
            config=self.require_config(),
            store=self.store,
            runners=self.runners,
            open_client=self.http_client,
            env=self.env,
            clock=self.clock,
            why_missing=self.why_missing,
            browser=Browser(self.env, enabled=open_browser),
        )


class LazyCipher:
    """Chooses how secrets are sealed when the first one is, because asking a keyring takes a fifth of a second.

    Attributes:
        warning: says that nothing seals what was stored; None until something was, and where something does.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._chosen: Cipher | None = None
        self.warning: Diagnostic | None = None

    @property
    def key_id(self) -> str | None:
        """See `Cipher.key_id`."""
        return self._cipher.key_id

    def seal(self, plain: bytes, label: Label) -> bytes:
        """See `Cipher.seal`."""
        return self._cipher.seal(plain, label)

    def unseal(self, sealed: bytes, label: Label) -> bytes:
        """See `Cipher.unseal`; what is not sealed needs no key."""
        if self._chosen is None and not is_sealed(sealed):
            return PlainCipher().unseal(sealed, label)
        return self._cipher.unseal(sealed, label)

    @property
    def _cipher(self) -> Cipher:
        if self._chosen is None:
            self._chosen, self.warning = choose_cipher(self._env)
        return self._chosen


def _names_in(plugin: FoundPlugin) -> Iterator[str]:
    """Yield the names of a plugin's providers and logins, as far as its manifest tells them."""
    for each in plugin.manifest.providers if plugin.manifest else ():
        yield from (canonical_id(name) for name in (each.id, *each.aliases))
        yield from (canonical_id(method.choice) for method in each.methods if method.choice)


def _file_stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what is another value once a file was written; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - asked at every call
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size, found.st_ino)


def _is_known(registry: ProviderRegistry) -> Callable[[str], bool]:
    def is_known(name: str) -> bool:
        try:
            registry.resolve_provider(name)
        except UnknownNameError:
            return False
        return True

    return is_known


def _as_diagnostic(error: ConfigError | StoreError) -> Diagnostic:
    from jackfield.diagnostics import Diagnostic

    return Diagnostic(error.code, error.message, hint=error.fix)
