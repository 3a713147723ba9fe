"""The contract that every provider plugin keeps, as a class of tests for pytest.

A plugin's author subclasses it; nothing else is needed, whatever language the plugin is in::

    class TestAcme(PluginContract):
        plugin = Path(__file__).parent
        logins = (Login("acme", "api-key", answers=("a-key-for-tests",), profiles=("acme:default",)),)

Each test runs the plugin as the program does, in a process of its own. Its home folder, its working folder and its
temporary folder are new ones that must be empty afterwards: a plugin returns what it wants kept.
"""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn

from jackfield.config.plan import plan_login
from jackfield.config.settings import PluginSettings
from jackfield.errors import RegistrationError
from jackfield.plugins.convert import convert_all
from jackfield.plugins.discovery import find_plugins
from jackfield.plugins.runtime import find_node, node_argv, python_argv
from jackfield.plugins.session import Limits, PluginSession
from jackfield.process import allowed_environment
from jackfield.providers.registry import ProviderRegistry
from jackfield.records import record
from jackfield.table import Owner, Trust
from jackfield.testing.prompter import ScriptedPrompter
from jackfield.testing.server import LocalServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from jackfield.config.plan import LoginPlan
    from jackfield.diagnostics import Diagnostic
    from jackfield.plugins.convert import Converted, PluginMethod
    from jackfield.plugins.found import FoundPlugin, ProviderInfo
    from jackfield.plugins.session import LoadResult
    from jackfield.providers.block import Provider


@record
class Login:
    """A login to try.

    Attributes:
        provider, method: ids of what is logged in to, and how.
        answers: one for each question, in order; `{server}` in a text becomes the address of the local server.
        profiles: ids of the credential profiles that it returns; None does not look.
        default_model: the model ref that it proposes; None does not look.
        server: what a local server answers meanwhile; see `LocalServer`.
        remote: the plugin is told that no browser can be opened here.
    """

    provider: str
    method: str
    answers: tuple[object, ...] = ()
    profiles: tuple[str, ...] | None = None
    default_model: str | None = None
    server: Mapping[str, object] | None = None
    remote: bool = False


class PluginContract:
    """Tests of one plugin. Set `plugin`, and `logins` for what can be tried without the real service.

    Attributes:
        plugin: its folder or file.
        logins: the logins to try.
        config: what is configured for it (`plugins.entries.<id>.config`); None is nothing.
        limits: how long and how much it may.
    """

    plugin: ClassVar[Path]
    logins: ClassVar[Sequence[Login]] = ()
    config: ClassVar[Mapping[str, object] | None] = None
    limits: ClassVar[Limits] = Limits(login_s=60.0)

    def test_it_is_found_without_running_it(self, tmp_path: Path) -> None:
        """Its manifest is in order."""
        _Trial(self, tmp_path).find()

    def test_it_registers_providers(self, tmp_path: Path) -> None:
        """It loads, and what it registers is taken over whole."""
        trial = _Trial(self, tmp_path)
        _, converted = trial.load()
        _none((fault for each in converted for fault in each.diagnostics if fault.severity != "info"), "registers")
        if not any(each.provider for each in converted):
            _fail("It registers no provider.")

    def test_its_names_are_free(self, tmp_path: Path) -> None:
        """Its ids, aliases, login choices, flags and variables belong to nobody else."""
        trial = _Trial(self, tmp_path)
        trial.registry(trial.load()[1])

    def test_it_registers_what_its_manifest_says(self, tmp_path: Path) -> None:
        """What is known before its code runs is what it registers then."""
        trial = _Trial(self, tmp_path)
        manifest = trial.find().manifest
        if manifest is None or not manifest.providers:
            return  # a single file, or a manifest that leaves it to the code
        blocks = {each.provider.id: each.provider for each in trial.load()[1] if each.provider}
        told = {each.id: each for each in manifest.providers}
        if set(told) != set(blocks):
            _fail(f"The manifest names the providers {sorted(told)}, but registered are {sorted(blocks)}.")
        wrong = [text for name in told for text in _differences(told[name], blocks[name])]
        if wrong:
            _fail("The manifest differs from what is registered:", *wrong)

    def test_its_logins_pass_the_gate(self, tmp_path: Path) -> None:
        """Each login returns what may be kept: its own profiles, and a patch of its own entry."""
        for place, login in enumerate(self.logins):
            folder = tmp_path / str(place)
            folder.mkdir()
            plan, prompter = _Trial(self, folder).log_in(login)
            where = f"The login {login.method} of {login.provider}"
            _none(plan.diagnostics, where)
            if prompter.left:
                _fail(f"{where} asked {len(prompter.questions)} questions and left {prompter.left} answers.")
            _same(where, "profiles", login.profiles, tuple(each.id for each in plan.profiles))
            if login.default_model is not None:
                _same(where, "default model", login.default_model, plan.default_model)

    def test_it_leaves_nothing_behind(self, tmp_path: Path) -> None:
        """It writes neither into the home, working and temporary folders nor into its own."""
        before = _tree(self.plugin)
        for place, login in enumerate((None, *self.logins)):
            folder = tmp_path / str(place)
            folder.mkdir()
            trial = _Trial(self, folder)
            if login is None:
                trial.load()
            else:
                trial.log_in(login)
            left = [each for each in _tree(trial.world) if each not in trial.folders]
            if left:
                _fail("It left files behind:", *left)
        changed = {name for name, _ in _tree(self.plugin).items() ^ before.items()}
        if changed:
            _fail("It changed files of its own folder:", *sorted(changed))


class _Trial:
    """The plugin of a contract in a world of its own."""

    def __init__(self, contract: PluginContract, folder: Path) -> None:
        self._contract = contract
        self._folder = folder
        self.world = folder / "world"
        self.folders = ("home", "work", "agent", "tmp")
        self._found: FoundPlugin | None = None

    def find(self) -> FoundPlugin:
        """Return the plugin as it is found on disk; fails when something is wrong with it."""
        if self._found is not None:
            return self._found
        path = Path(self._contract.plugin).resolve()
        settings = PluginSettings(paths=(str(path),))
        nowhere = self._folder / "plugins"
        found, faults = find_plugins(settings, nowhere, base=path.parent, installed=False)
        _none(faults, "The plugin's folder")
        if len(found) != 1:
            _fail(f"There are {len(found)} plugins at {path}.")
        if found[0].status != "enabled":
            _fail(f"The plugin cannot be loaded: {found[0].reason}.")
        self._found = found[0]
        return found[0]

    def load(self) -> tuple[LoadResult, tuple[Converted, ...]]:
        """Return what the plugin registers when it is loaded."""

        async def run() -> LoadResult:
            async with self._session() as session:
                return await session.load(self._parameters())

        result = asyncio.run(run())
        _none((each for each in result.diagnostics if each.severity != "info"), "register")
        return result, convert_all(self.find().id, result.providers)

    def registry(self, converted: Iterable[Converted]) -> ProviderRegistry:
        """Return the core providers together with those of the plugin; fails when they cannot stand together."""
        from jackfield.plugins.registration import enter

        registry = ProviderRegistry.with_core()
        try:
            entered = enter(registry, self.find().id, tuple(converted))
        except RegistrationError as error:
            _fail(str(error))
        _none((each for each in entered.diagnostics if each.severity != "info"), "Its names")
        return registry

    def log_in(self, login: Login) -> tuple[LoginPlan, ScriptedPrompter]:
        """Carry out a login and return what its result would do to an empty config."""
        with LocalServer(login.server or {}) as server:
            answers = [
                each.replace("{server}", server.url) if isinstance(each, str) else each for each in login.answers
            ]
            prompter = ScriptedPrompter(answers)
            opened = prompter.told.append
            text, converted = asyncio.run(self._run(login, prompter, opened))
        plan = plan_login(
            {},
            text,
            provider_id=login.provider,
            owner=Owner(Trust.INSTALLED, f"plugin:{self.find().id}"),
            registry=self.registry(converted),
            set_default=True,
            typed=[each for each in answers if isinstance(each, str)],
        )
        return plan, prompter

    async def _run(
        self, login: Login, prompter: ScriptedPrompter, opened: Callable[[str], None]
    ) -> tuple[bytes, tuple[Converted, ...]]:
        async def open_url(url: str) -> None:
            opened(url)

        context = {
            "config": {},
            "agentDir": str(self.world / "agent"),
            "workspaceDir": str(self.world / "work"),
            "isRemote": login.remote,
        }
        async with self._session() as session:
            result = await session.load(self._parameters())
            converted = convert_all(self.find().id, result.providers)
            place = _place(converted, login)
            return await session.login(place.provider_index, place.method_index, context, prompter, open_url), converted

    def _session(self) -> PluginSession:
        for name in self.folders:
            (self.world / name).mkdir(parents=True, exist_ok=True)
        kept = {name: each for name, each in allowed_environment(os.environ).items() if not name.startswith("XDG_")}
        env = {**kept, "HOME": str(self.world / "home"), "TMPDIR": str(self.world / "tmp")}
        found = self.find()
        argv: Callable[[int], Sequence[str]] = python_argv
        if found.candidate.language == "node":
            node = find_node(os.environ, cache_dir=self._folder)
            cache = self._folder / "sources"
            argv = partial(node_argv, node, cache_dir=cache, limits=self._contract.limits)
        return PluginSession(found.id, argv, env=env, cwd=self.world / "work", limits=self._contract.limits)

    def _parameters(self) -> dict[str, object]:
        found = self.find()
        manifest, candidate, config = found.manifest, found.candidate, self._contract.config
        return {
            "entry": candidate.entry,
            "root": candidate.root,
            "id": found.id,
            "name": (manifest.name if manifest else None) or found.id,
            "version": manifest.version if manifest else None,
            "description": manifest.description if manifest else None,
            "source": candidate.entry,
            "config": {},
            **({} if config is None else {"pluginConfig": dict(config)}),
        }


def _place(converted: Iterable[Converted], login: Login) -> PluginMethod:
    methods = [
        method
        for each in converted
        if each.provider is not None and each.provider.id == login.provider
        for method in each.methods
        if method.method_id == login.method
    ]
    if not methods:
        _fail(f"The plugin has no login {login.method} of {login.provider}.")
    return methods[0]


def _differences(told: ProviderInfo, block: Provider) -> list[str]:
    """Return in which the manifest's words about a provider differ from its block; what it does not say is no fault."""
    pairs: list[tuple[str, object, object]] = [
        ("label", told.label, block.label),
        ("aliases", told.aliases or None, block.aliases),
        ("env_vars", told.env_vars or None, block.env.any_of),
        ("auth", tuple(each.id for each in told.methods) or None, tuple(each.id for each in block.auth)),
    ]
    methods = {each.id: each for each in block.auth}
    for each in told.methods:
        if each.id in methods:
            own = methods[each.id]
            pairs += [
                (f"auth.{each.id}.choice", each.choice, own.choice),
                (f"auth.{each.id}.label", each.label, own.label),
                (f"auth.{each.id}.kind", each.kind, own.kind),
            ]
    return [
        f"{block.id}: {name} is {said!r} in the manifest, registered is {real!r}"
        for name, said, real in pairs
        if said is not None and said != real
    ]


def _tree(path: Path) -> dict[str, str]:
    """Return what is below a folder (or the file itself), by its path there; files with their size and time."""
    found: dict[str, str] = {}
    for each in sorted(path.rglob("*")) if path.is_dir() else [path]:
        parts = each.relative_to(path).parts
        # What Python and test runners keep for themselves.
        if any(part in {"__pycache__", ".pytest_cache"} for part in parts):
            continue
        state = each.lstat()
        found["/".join(parts)] = "" if each.is_dir() else f"{state.st_size} {state.st_mtime_ns}"
    return found


def _same(where: str, what: str, wanted: object, found: object) -> None:
    if wanted is not None and wanted != found:
        _fail(f"{where} should return the {what} {wanted!r}, not {found!r}.")


def _none(faults: Iterable[Diagnostic], where: str) -> None:
    told = [f"{each.severity} {each.code} {each}" for each in faults]
    if told:
        _fail(f"{where}: there is something wrong:", *told)


def _fail(*lines: str) -> NoReturn:
    message = "\n  ".join(lines)
    raise AssertionError(message)
