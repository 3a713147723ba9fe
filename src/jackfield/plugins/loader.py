"""Loading plugins: each in a process of its own, what they register checked, and entered like core's providers.

One plugin that fails becomes a diagnostic that names it; the others go on.
"""

from __future__ import annotations

import asyncio
import os
from functools import cached_property, partial
from typing import TYPE_CHECKING

from jackfield.credentials.exchange import credential_from_shared, credential_to_shared
from jackfield.diagnostics import Diagnostic
from jackfield.errors import CredentialError, PluginError, RequestError
from jackfield.ids import canonical_id, quoted
from jackfield.net import run_sync
from jackfield.plugins.cache import FAILURE_KEPT_MS, PluginCache, fingerprint, from_plain, to_plain
from jackfield.plugins.convert import convert_all
from jackfield.plugins.login import run_login
from jackfield.plugins.registration import enter
from jackfield.plugins.runtime import find_node, node_argv, python_argv
from jackfield.plugins.schema import config_faults
from jackfield.plugins.session import SEE_OUTPUT, Limits, PluginSession
from jackfield.plugins.states import plugin_entry
from jackfield.process import allowed_environment
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from jackfield.auth.flows import LoginContext, LoginResult, Runner
    from jackfield.config.paths import Paths
    from jackfield.config.settings import PluginSettings
    from jackfield.credentials.profile import Credential
    from jackfield.plugins.convert import Converted
    from jackfield.plugins.found import FoundPlugin
    from jackfield.plugins.runtime import NodeRuntime
    from jackfield.plugins.session import LoadResult
    from jackfield.providers.registry import ProviderRegistry


# How much of what is no provider is told by name.
_SHOWN = 20


@record
class LoadedPlugin:
    """A plugin with what came of loading it.

    Attributes:
        found: where it is, and its manifest.
        providers: what it registered, as blocks with the names of their runners.
        diagnostics: what is wrong with it, each naming it.
        failed: it could not be loaded, and registered nothing.
        output: the end of what it printed; empty when it was not run now.
    """

    found: FoundPlugin
    providers: tuple[Converted, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    failed: bool = False
    output: str = ""


class Plugins:
    """The plugins of one application. Nothing of them runs before they are loaded.

    Args:
        found: the plugins there are.
        settings: what the config says about plugins.
        paths: where the user's plugins, and what is known of them, are kept.
        env: the environment.
        view: returns the config as plugins may see it, without secrets.
        clock: ms since the epoch.
        workspace: the folder that the user works in, which plugins are told.
        limits: how long and how much a plugin may.
    """

    def __init__(
        self,
        found: Sequence[FoundPlugin],
        settings: PluginSettings,
        paths: Paths,
        env: Mapping[str, str],
        view: Callable[[], Mapping[str, object]],
        clock: Callable[[], int],
        *,
        workspace: Path | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._found = found
        self._settings = settings
        self._paths = paths
        self._env = env
        self._view = view
        self._clock = clock
        self._workspace = workspace
        self._limits = limits or Limits()
        self._folder = paths.state_dir / "plugins"
        self._cache = PluginCache(self._folder)
        self._entered: dict[str, tuple[FoundPlugin, Converted]] = {}
        self._variables: dict[str, frozenset[str]] = {}

    def load(self, *, fresh: bool = False) -> tuple[LoadedPlugin, ...]:
        """Load every plugin that is enabled, sorted by id, with what is known from the last time where nothing changed.

        Args:
            fresh: start each one, whatever is known.
        """
        enabled = sorted((each for each in self._found if each.status == "enabled"), key=lambda each: each.id)
        known = {} if fresh else {each.id: last for each in enabled if (last := self._known(each)) is not None}
        missing = [each for each in enabled if each.id not in known]
        started = run_sync(self._start_all(missing)) if missing else ()
        return tuple(sorted((*known.values(), *started), key=lambda each: each.found.id))

    def register(
        self, registry: ProviderRegistry, loaded: Iterable[LoadedPlugin]
    ) -> tuple[dict[str, Runner], tuple[Diagnostic, ...]]:
        """Enter what plugins registered into `registry`; return the runners by name, and what was refused and why."""
        runners: dict[str, Runner] = {}
        faults: list[Diagnostic] = []
        for each in loaded:
            found = enter(registry, each.found.id, each.providers)
            faults += found.diagnostics
            self._entered |= {provider: (each.found, converted) for provider, converted in found.providers.items()}
            self._variables[each.found.id] = found.variables
            runners |= {name: partial(self._login, each.found, name) for name in found.methods}
        return runners, tuple(faults)

    def entered_by(self, plugin: FoundPlugin) -> tuple[str, ...]:
        """Return the ids of the providers of a plugin that stand in the registry."""
        return tuple(provider for provider, (found, _) in self._entered.items() if found is plugin)

    def formats_api_key(self, provider_id: str) -> bool:
        """Tell whether a plugin makes the key that is sent out of this provider's credential."""
        return provider_id in self._entered and self._entered[provider_id][1].formats_api_key

    def refreshes(self, provider_id: str) -> bool:
        """Tell whether a plugin renews this provider's credentials."""
        return provider_id in self._entered and self._entered[provider_id][1].refreshes

    async def format_api_key(self, provider_id: str, credential: Credential) -> str:
        """Return the key that a provider's plugin makes out of a credential; raises `PluginError` when it fails."""
        plugin = self._entered[provider_id][0]
        async with self._session(plugin) as session:
            place = await self._place(session, plugin, provider_id)
            return await session.format_api_key(place, credential_to_shared(provider_id, credential))

    async def refresh_oauth(self, provider_id: str, credential: Credential) -> Credential:
        """Return what a provider's plugin renews a credential to.

        Raises:
            PluginError: it failed, or is not there any more.
            CredentialError: `credential.unusable` when what it returned is none.
        """
        plugin = self._entered[provider_id][0]
        old = credential_to_shared(provider_id, credential)
        async with self._session(plugin) as session:
            place = await self._place(session, plugin, provider_id)
            new = await session.refresh_oauth(place, old)
        try:
            # What the plugin leaves out stays as it was: a refresh token above all.
            return credential_from_shared({**old, **new, "type": "oauth"})
        except RequestError as error:
            message = f"plugin:{plugin.id} returned a credential for {provider_id} that cannot be kept."
            raise CredentialError(message, code="credential.unusable", diagnostics=error.diagnostics) from None

    async def _login(self, plugin: FoundPlugin, runner: str, context: LoginContext) -> LoginResult:
        where = {
            "config": self._view(),
            "agentDir": str(self._paths.state_dir),
            "workspaceDir": None if self._workspace is None else str(self._workspace),
            "isRemote": context.browser is None or context.browser.remote,
        }
        async with self._session(plugin) as session:
            return await run_login(session, plugin.id, runner, context, self._parameters(plugin), where)

    async def _place(self, session: PluginSession, plugin: FoundPlugin, provider_id: str) -> int:
        loaded = await session.load(self._parameters(plugin))
        for each in convert_all(plugin.id, loaded.providers):
            if each.provider is not None and each.provider.id == provider_id:
                return each.index
        message = f"plugin:{plugin.id} does not register {provider_id} any more."
        raise PluginError(message, code="plugin.changed", fix="See: jackfield plugins doctor")

    async def _start_all(self, plugins: Sequence[FoundPlugin]) -> tuple[LoadedPlugin, ...]:
        turns = asyncio.Semaphore(os.cpu_count() or 1)

        async def start(plugin: FoundPlugin) -> LoadedPlugin:
            async with turns:
                return await self._start(plugin)

        return tuple(await asyncio.gather(*(start(each) for each in plugins)))

    async def _start(self, plugin: FoundPlugin) -> LoadedPlugin:
        faults = config_faults(plugin, self._config(plugin))
        if faults:
            return LoadedPlugin(plugin, diagnostics=faults, failed=True)
        session: PluginSession | None = None
        try:
            session = self._session(plugin)
            async with session:
                result = await session.load(self._parameters(plugin))
        except PluginError as error:
            until = self._clock() + FAILURE_KEPT_MS
            failure = {"code": error.code, "message": error.message, "hint": error.fix}
            # A missing program is not the plugin's fault, and is there as soon as it is installed.
            if error.code != "plugin.no-node":
                self._cache.put(plugin.id, self._key(plugin), {"failure": failure}, until)
            return _failed(plugin, failure, session.output if session else "")
        self._cache.put(plugin.id, self._key(plugin), to_plain(result))
        return self._as_loaded(plugin, result, session.output)

    def _known(self, plugin: FoundPlugin) -> LoadedPlugin | None:
        """Return what came of loading a plugin the last time, if nothing has changed since."""
        if config_faults(plugin, self._config(plugin)):
            return None
        try:
            key = self._key(plugin)
        except PluginError:
            return None
        value = self._cache.get(plugin.id, key, self._clock())
        if value is None:
            return None
        failure = value.get("failure")
        if isinstance(failure, dict):
            return _failed(plugin, failure, "")
        result = from_plain(value)
        return None if result is None else self._as_loaded(plugin, result, "")

    def _as_loaded(self, plugin: FoundPlugin, result: LoadResult, output: str) -> LoadedPlugin:
        providers = convert_all(plugin.id, result.providers)
        faults = [*result.diagnostics, *(fault for each in providers for fault in each.diagnostics)]
        return LoadedPlugin(plugin, providers, (*faults, *_told(plugin, result)), output=output)

    def _session(self, plugin: FoundPlugin) -> PluginSession:
        if plugin.candidate.language == "python":
            argv: Callable[[int], Sequence[str]] = python_argv
        else:
            argv = partial(node_argv, self._node, cache_dir=self._folder / "sources", limits=self._limits)
        return PluginSession(
            plugin.id,
            argv,
            env=allowed_environment(self._env, self._variables.get(plugin.id, ())),
            cwd=plugin.candidate.root,
            limits=self._limits,
        )

    @cached_property
    def _node(self) -> NodeRuntime:
        return find_node(self._env, cache_dir=self._folder)

    @property
    def missing_runtime(self) -> str | None:
        """What is missing to run plugins in TypeScript, and what mends it; None when nothing is."""
        try:
            self._node  # noqa: B018 - it is looked for when it is first needed
        except PluginError as error:
            return f"{error.message} {error.fix or ''}".strip()
        return None

    def _key(self, plugin: FoundPlugin) -> str:
        runtime = "python" if plugin.candidate.language == "python" else self._node.version
        return fingerprint(plugin, runtime, {"own": self._config(plugin), "view": self._view()})

    def _config(self, plugin: FoundPlugin) -> Mapping[str, object] | None:
        entry = plugin_entry(self._settings, plugin.id)
        return entry.config if entry else None

    def _parameters(self, plugin: FoundPlugin) -> dict[str, object]:
        manifest, candidate, config = plugin.manifest, plugin.candidate, self._config(plugin)
        return {
            "entry": candidate.entry,
            "root": candidate.root,
            "id": plugin.id,
            "name": (manifest.name if manifest else None) or candidate.package_name or plugin.id,
            "version": (manifest.version if manifest else None) or candidate.package_version,
            "description": (manifest.description if manifest else None) or candidate.package_description,
            "source": candidate.entry,
            "config": self._view(),
            # A plugin tells "no config" from an empty one.
            **({} if config is None else {"pluginConfig": dict(config)}),
        }


def _told(plugin: FoundPlugin, result: LoadResult) -> Iterator[Diagnostic]:
    """Yield what should be known of a plugin that could be loaded."""
    owner = f"plugin:{plugin.id}"
    if result.other:
        members = ", ".join(f"{each['member']} {each['detail']}".strip() for each in result.other[:_SHOWN])
        more = f" and {len(result.other) - _SHOWN} more" if len(result.other) > _SHOWN else ""
        message = f"Not a provider capability, and passed over: {members}{more}."
        yield Diagnostic("plugin.not-a-capability", message, "info", owner=owner)
    if result.export_id is not None and canonical_id(result.export_id) != plugin.id:
        message = f"plugin id mismatch (config uses {plugin.id}, export uses {quoted(result.export_id)})"
        yield Diagnostic("plugin.id-mismatch", message, "warning", owner=owner)
    kind = plugin.manifest.kind if plugin.manifest else None
    if result.export_kind is not None and kind is not None and result.export_kind != kind:
        message = f"plugin kind mismatch (manifest uses {quoted(kind)}, export uses {quoted(result.export_kind)})"
        yield Diagnostic("plugin.kind-mismatch", message, "warning", owner=owner)


def _failed(plugin: FoundPlugin, failure: Mapping[str, object], output: str) -> LoadedPlugin:
    hint = failure.get("hint")
    fault = Diagnostic(
        str(failure.get("code")),
        str(failure.get("message")),
        owner=f"plugin:{plugin.id}",
        hint=hint if isinstance(hint, str) else SEE_OUTPUT,
    )
    return LoadedPlugin(plugin, diagnostics=(fault,), failed=True, output=output)
