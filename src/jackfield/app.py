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
from jackfield.config.settings import Settings
from jackfield.credentials.envelope import PlainCipher, choose_cipher, is_sealed
from jackfield.credentials.sources import Surroundings, find_sources, pick_source
from jackfield.credentials.store import CredentialStore, now_ms
from jackfield.errors import ConfigError, CredentialError, StoreError, UnknownNameError
from jackfield.providers.registry import ProviderRegistry
from jackfield.records import replace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType
    from typing import Self

    from jackfield.auth.flows import Runner
    from jackfield.commits import Commits, Draft
    from jackfield.config.paths import Paths
    from jackfield.credentials.envelope import Cipher, Label
    from jackfield.credentials.sources import Source
    from jackfield.diagnostics import Diagnostic
    from jackfield.doctor import Case, Finding
    from jackfield.net import HttpClient
    from jackfield.onboarding import Onboarding
    from jackfield.providers.block import Provider


class App:
    """An application's providers, config and credentials. Opens each file when it is first needed.

    Args:
        env: the environment; the process's own when left out.
        paths: where files live; found from the environment when left out.
        clock: ms since the epoch.

    >>> with App(env={"JACKFIELD_HOME": "/nonexistent"}) as app:
    ...     app.registry.resolve_provider("z.ai").label
    'Z.AI (GLM 4.7)'
    """

    def __init__(
        self, *, env: Mapping[str, str] | None = None, paths: Paths | None = None, clock: Callable[[], int] = now_ms
    ) -> None:
        self.env: Mapping[str, str] = dict(os.environ if env is None else env)
        self.paths = paths or find_paths(self.env)
        self.clock = clock
        self.runners: dict[str, Runner] = dict(CORE_RUNNERS)
        self.cipher = LazyCipher(self.env)
        self._store: CredentialStore | None = None

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
        """The core providers, and those that only the config knows."""
        registry = ProviderRegistry.with_core()
        blocks, _ = config_providers(self.config.settings, _is_known(registry))
        registry.register_providers(blocks, owner=CONFIG)
        return registry

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything found wrong that did not stop the program: config, registry, store."""
        return (*self.config_diagnostics, *self.registry.diagnostics(), *self.store.diagnostics())

    @property
    def config_diagnostics(self) -> tuple[Diagnostic, ...]:
        """Everything wrong with the config: its shape, and the providers in it that cannot be registered."""
        shape, document = self.config.diagnostics, self.config.document
        _, faults = config_providers(self.config.settings, _is_known(ProviderRegistry.with_core()))
        # An entry whose shape is wrong cannot be a block either: once is enough.
        told = {each.path[:3] for each in shape if each.severity == "error"}
        placed = []
        for each in faults:
            if each.path[:3] not in told:
                line, column = document.locate(each.path) or document.locate(each.path[:3]) or (None, None)
                placed.append(replace(each, line=line, column=column))
        return (*shape, *placed)

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
        return replace(self._without_store(), profiles=profiles, stored_order=order)

    def _without_store(self) -> Surroundings:
        return Surroundings(
            settings=self.config.settings,
            profiles=(),
            stored_order={},
            env=self.env,
            now=self.clock(),
            file_exists=lambda path: Path(path).expanduser().is_file(),
        )

    def sources(self, provider: Provider) -> tuple[Source, ...]:
        """Return every source of a credential for `provider`, best first."""
        return find_sources(provider, self.surroundings())

    def credential(self, name: str, *, profile: str | None = None) -> Source:
        """Return the credential that wins for a provider; its `secret` is what is sent.

        Args:
            name: the provider's id or alias.
            profile: id of the one profile to use.

        Raises:
            UnknownNameError: `registry.unknown`.
            CredentialError: `credential.profile` when that profile cannot be used, `credential.none` when there is
                nothing to use, `credential.locked` when it was stored for another origin than the base URL's.
        """
        from jackfield.status import how_to_configure

        provider = self.registry.resolve_provider(name)
        source = pick_source(self.sources(provider), profile=profile)
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

        Raises:
            ConfigError, StoreError: as `Commits.commit`; nothing is changed then.
        """
        from jackfield.doctor import draft_repairs

        wanted = tuple(each for each in findings if each.repair is not None)

        def draft(config: LoadedConfig) -> Draft:
            self.__dict__["config"] = config
            return draft_repairs(wanted, self._case())

        if any(each.repair and (each.repair.changes or each.repair.remove) for each in wanted):
            count = "1 repair" if len(wanted) == 1 else f"{len(wanted)} repairs"
            self.commits.commit("doctor", f"{count} by doctor", draft)
        for path in dict.fromkeys(path for each in wanted if each.repair for path in each.repair.private):
            # Somebody else's file stays as it is, and is found again.
            with contextlib.suppress(OSError):
                Path(path).chmod(PRIVATE_FILE)
        left = {(each.code, each.message, each.path) for each in self.examine()}
        return tuple(each for each in wanted if (each.code, each.message, each.path) not in left)

    def _case(self, more: Iterable[Diagnostic] = ()) -> Case:
        """Return everything that the doctor looks at, as it is now, on the config that was read last."""
        from jackfield.doctor import Case

        self.__dict__.pop("registry", None)
        found: tuple[Diagnostic, ...] = (*more, *self.registry.diagnostics())
        try:
            where = self.surroundings()
            found += self.store.diagnostics()
        except StoreError as error:
            # The doctor is needed most when the store is broken: that is a finding, and the rest is looked at.
            where = self._without_store()
            found += (_as_diagnostic(error),)
        return Case(
            registry=self.registry,
            config=replace(self.config, diagnostics=self.config_diagnostics),
            where=where,
            diagnostics=found,
            open_files=self._open_files(),
        )

    def _open_files(self) -> tuple[str, ...]:
        """Return the config files that hold a literal key and that other accounts may read."""
        path = self.paths.config_file
        literal = any(
            each.api_key and not each.api_key.startswith(("${", "profile:")) for each in self.config.settings.providers
        )
        is_open = os.name == "posix" and path.exists() and path.stat().st_mode & 0o077
        return (str(path),) if literal and is_open else ()

    def onboarding(self) -> Onboarding:
        """Return what logs in and out, over this app's parts."""
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
