from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

import jackfield
from jackfield.errors import BlockError, RegistrationError, RequestError, UnknownNameError
from jackfield.providers.block import ApiKey, AuthMethod, Model, Provider
from jackfield.providers.core import core_providers
from jackfield.providers.parts import FrozenMap
from jackfield.providers.registry import APP, ProviderRegistry
from jackfield.table import CORE, Owner, Trust

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = Path(__file__).parents[2] / "data" / "core-providers.json"
ACME = Owner(Trust.INSTALLED, "plugin:acme")
CORE_COUNT = len(core_providers())
LOCAL = Owner(Trust.WORKSPACE, "plugin:local")


def provider(id_: str, *aliases: str, **fields: Any) -> Provider:
    return Provider(id_, f"The {id_}", aliases, **fields)


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def core() -> ProviderRegistry:
    return ProviderRegistry.with_core()


# --- the core set


def test_core_holds_every_provider_of_the_facts_but_the_one_that_only_hears(
    core: ProviderRegistry, facts: dict[str, Any]
) -> None:
    known = {each["id"] for each in facts["providers"]}
    ids = [each.id for each in core.list_providers()]
    assert len(ids) >= 29
    assert set(ids) >= known - {"deepgram"}


def test_core_resolves_every_spelling_of_the_facts(core: ProviderRegistry, facts: dict[str, Any]) -> None:
    spellings: dict[str, str] = facts["normalize_provider_id"]["map"]
    assert {name: core.resolve_provider(name).id for name in spellings} == spellings


def test_core_blocks_belong_to_core_and_nothing_is_refused(core: ProviderRegistry) -> None:
    assert {core.owner_of(each.id) for each in core.list_providers()} == {CORE}
    assert core.diagnostics() == ()


def test_the_list_is_sorted_by_id(core: ProviderRegistry) -> None:
    core.register_provider(provider("aardvark"))
    core.register_provider(provider("zzz"))
    ids = [each.id for each in core.list_providers()]
    assert ids == sorted(ids)
    assert (ids[0], ids[-1], len(ids)) == ("aardvark", "zzz", 31)


@pytest.mark.parametrize("block", core_providers(), ids=lambda block: block.id)
def test_every_name_of_a_core_block_leads_to_it(block: Provider) -> None:
    registry = ProviderRegistry.with_core()
    for name in (block.id, *block.aliases):
        for spelling in (name, name.upper(), f" {name.title()}\n"):
            assert registry.resolve_provider(spelling) is block
            assert registry.owner_of(spelling) == CORE


def test_core_blocks_load_in_the_order_of_their_files() -> None:
    folder = Path(jackfield.__file__).parent / "providers" / "core"
    files = sorted(path.stem for path in folder.glob("*.py") if not path.stem.startswith("_"))
    assert [block.id.replace("-", "_") for block in core_providers()] == files


def test_core_is_found_inside_a_zip_file_too(tmp_path: Path) -> None:
    package = Path(jackfield.__file__).parent
    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for folder in (package, package / "providers", package / "providers" / "core"):
            for path in folder.glob("*.py"):
                target.write(path, path.relative_to(package.parent))
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r}); import jackfield; assert '.zip' in jackfield.__file__;"
        "from jackfield.providers.core import core_providers as core; print(*(each.id for each in core()))"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.stdout.split() == [block.id for block in core_providers()]


# --- registering


def test_a_program_registers_its_own_block(core: ProviderRegistry) -> None:
    block = provider("acme", "acme.ai")
    core.register_provider(block)
    assert core.resolve_provider("ACME.AI") is block
    assert core.owner_of("acme") == APP
    assert block in core.list_providers()


def test_two_registries_know_nothing_of_each_other() -> None:
    one, two, empty = ProviderRegistry.with_core(), ProviderRegistry.with_core(), ProviderRegistry()
    one.register_provider(provider("acme"))
    with pytest.raises(UnknownNameError):
        two.resolve_provider("acme")
    assert (len(one.list_providers()), len(two.list_providers()), len(empty.list_providers())) == (
        CORE_COUNT + 1,
        CORE_COUNT,
        0,
    )
    assert one.resolve_provider("zai") is two.resolve_provider("zai")


@pytest.mark.parametrize(
    ("block", "path"),
    [
        (provider("zai"), ("zai",)),
        (provider("z.ai"), ("z.ai",)),
        (provider("acme", "zai"), ("acme", "aliases")),
        (provider("acme", "z.ai"), ("acme", "aliases")),
    ],
    ids=["id-id", "id-alias", "alias-id", "alias-alias"],
)
def test_a_taken_name_is_refused_and_the_registry_is_as_before(
    core: ProviderRegistry, block: Provider, path: tuple[str, ...]
) -> None:
    before, listed = core.snapshot(), core.list_providers()
    with pytest.raises(RegistrationError) as caught:
        core.register_providers([provider("good"), block], owner=ACME)
    assert caught.value.code == "registry.duplicate"
    (told,) = caught.value.diagnostics
    assert (told.path, told.owner) == (path, "plugin:acme")
    assert "plugin:acme" in told.message
    assert "core has it" in told.message
    assert core.snapshot() is before
    assert core.list_providers() == listed
    assert core.diagnostics() == (told,)
    with pytest.raises(UnknownNameError):
        core.resolve_provider("good")


@pytest.mark.parametrize("order", list(permutations([CORE, ACME, LOCAL])), ids=lambda order: ">".join(map(str, order)))
def test_core_stands_above_plugins_whatever_comes_first(order: tuple[Owner, ...]) -> None:
    registry = ProviderRegistry()
    refused = []
    for owner in order:
        try:
            registry.register_provider(Provider("acme", owner.name), owner=owner)
        except RegistrationError:
            refused.append(owner)
    assert refused == [owner for place, owner in enumerate(order) if owner > min(order[: place + 1])]
    assert registry.resolve_provider("acme").label == "core"
    assert registry.owner_of("acme") == CORE
    assert [each.owner for each in registry.diagnostics()] == ["plugin:acme", "plugin:local"]


@pytest.mark.parametrize(
    "value", [None, {"id": "acme", "label": "Acme"}, "acme", 7, Provider, Model("m", "M", 1, 1)], ids=repr
)
def test_what_is_no_block_is_refused_with_everything_beside_it(value: object) -> None:
    registry = ProviderRegistry()
    with pytest.raises(BlockError) as caught:
        registry.register_providers([provider("good"), value], owner=ACME)  # type: ignore[list-item]
    kind = type(value).__name__
    assert caught.value.code == "registry.not-a-block"
    assert caught.value.message == f"plugin:acme registered a {kind} where a Provider block belongs."
    assert caught.value.fix == "Build it with jackfield.Provider(...) or Provider.from_dict(...)."
    assert [(each.code, each.owner) for each in caught.value.diagnostics] == [("registry.not-a-block", "plugin:acme")]
    assert registry.list_providers() == ()
    assert registry.diagnostics() == ()


def test_a_generator_that_fails_midway_registers_nothing() -> None:
    def blocks() -> Iterator[Provider]:
        yield provider("one")
        yield Provider("Not An Id", "Two")

    registry = ProviderRegistry()
    with pytest.raises(BlockError):
        registry.register_providers(blocks())
    assert registry.list_providers() == ()


def test_registering_nothing_changes_nothing_that_is_served(core: ProviderRegistry) -> None:
    before = core.list_providers()
    core.register_providers(())
    assert core.list_providers() == before


def test_eight_threads_register_at_once() -> None:
    registry = ProviderRegistry.with_core()
    barrier = Barrier(8)

    def work(number: int) -> int:
        barrier.wait()
        refused = 0
        for place in range(25):
            registry.register_provider(
                provider(f"p{number}-{place}"), owner=Owner(Trust.INSTALLED, f"plugin:p{number}")
            )
            try:
                registry.register_provider(provider(f"x{place}", "zai"), owner=LOCAL)
            except RegistrationError:
                refused += 1
            assert registry.resolve_provider(f"P{number}-{place}").id == f"p{number}-{place}"
        return refused

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [25] * 8
    assert len(registry.list_providers()) == CORE_COUNT + 200
    assert len(registry.diagnostics()) == 25


# --- resolving


@pytest.mark.parametrize(
    ("name", "found"),
    [("zai", "zai"), ("Z.AI", "zai"), (" z-ai\t", "zai"), ("QWEN", "qwen-portal"), ("OpenCode-Zen", "opencode")],
)
def test_letter_case_white_space_and_aliases_lead_to_the_block(core: ProviderRegistry, name: str, found: str) -> None:
    assert core.resolve_provider(name).id == found


@pytest.mark.parametrize(
    "name", ["\u212aimi-code", "z\u0430i", "zai\u200b", "\uff5aai", "\u00a0zai", "zai\x00"], ids=ascii
)
def test_a_look_alike_is_unknown(core: ProviderRegistry, name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        core.resolve_provider(name)
    assert caught.value.code == "registry.unknown"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("opnai", "openai"), ("antropic", "anthropic"), ("Gogle", "google"), ("\u212aimi-code", "kimi-code")],
)
def test_a_mistyped_name_suggests_the_right_one(core: ProviderRegistry, name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        core.resolve_provider(name)
    assert caught.value.suggestions[0] == nearest
    assert caught.value.fix is not None
    assert caught.value.fix.startswith(f"Did you mean {nearest}")


@pytest.mark.parametrize(
    "name", [None, 0, True, 1.5, b"zai", [], ["zai"], {}, ("zai",), object()], ids=lambda each: type(each).__name__
)
def test_a_name_that_is_no_text_is_an_unknown_name(core: ProviderRegistry, name: Any) -> None:
    for ask in (core.resolve_provider, core.owner_of):
        with pytest.raises(UnknownNameError, match="A provider is named by text") as caught:
            ask(name)
        assert caught.value.code == "registry.unknown"


@pytest.mark.parametrize("name", ["", "  ", "\n"])
def test_an_empty_name_is_an_unknown_name(core: ProviderRegistry, name: str) -> None:
    for ask in (core.resolve_provider, core.owner_of):
        with pytest.raises(UnknownNameError) as caught:
            ask(name)
        assert (caught.value.code, caught.value.message) == ("registry.unknown", "There is no provider ''.")


def test_owner_of_tells_each_owner_by_any_name(core: ProviderRegistry) -> None:
    core.register_provider(provider("acme", "acme.ai"), owner=ACME)
    core.register_provider(provider("mine", "my"))
    assert [core.owner_of(name) for name in ("zai", "Z.AI", "acme", " ACME.AI ", "my")] == [CORE, CORE, ACME, ACME, APP]
    with pytest.raises(UnknownNameError, match="There is no provider 'nobody'"):
        core.owner_of("nobody")


# --- model refs


@pytest.fixture
def shop() -> ProviderRegistry:
    registry = ProviderRegistry()
    models = (Model("Small", "Small", 1, 1), Model("org/Big:free", "Big", 1, 1))
    registry.register_provider(provider("acme", "acme.ai", models=models, model_aliases=FrozenMap({"s": "Small"})))
    return registry


@pytest.mark.parametrize(
    ("ref", "model"),
    [
        ("acme/Small", "Small"),
        (" ACME / Small ", "Small"),
        ("acme.ai/s", "Small"),
        ("acme/org/Big:free", "org/Big:free"),
        ("acme/small", None),
        ("acme/other", None),
    ],
)
def test_a_model_ref_leads_to_provider_and_model(shop: ProviderRegistry, ref: str, model: str | None) -> None:
    found, listed = shop.resolve_model(ref)
    assert found.id == "acme"
    assert (listed.id if listed else None) == model


@pytest.mark.parametrize("ref", ["", "acme", "acme/", "/Small", "a b/c", None, 7, ["acme/Small"]], ids=repr)
def test_what_is_no_model_ref_is_refused(shop: ProviderRegistry, ref: Any) -> None:
    with pytest.raises(RequestError) as caught:
        shop.resolve_model(ref)
    assert caught.value.code == "ref.model"


def test_a_ref_to_an_unknown_provider_is_an_unknown_name(shop: ProviderRegistry) -> None:
    with pytest.raises(UnknownNameError) as caught:
        shop.resolve_model("acne/Small")
    assert (caught.value.code, caught.value.suggestions[0]) == ("registry.unknown", "acme")


def test_every_default_model_of_core_leads_back_to_its_block(core: ProviderRegistry) -> None:
    defaults = [(each, each.default_model) for each in core.list_providers() if each.default_model]
    assert len(defaults) > 10
    assert [block.id for block, ref in defaults if core.resolve_model(ref)[0] is not block] == []


# --- import


def test_importing_the_registry_loads_no_core_block() -> None:
    code = (
        "import sys; import jackfield.providers.registry; "
        "print(*[name for name in sys.modules if name.startswith('jackfield.providers.core')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def with_key(id_: str, choice: str, *flags: str) -> Provider:
    key = ApiKey("Key", flags=flags)
    method = AuthMethod("key", choice, "api_key", "Key", "api-key", key=key, profile=f"{id_}:default")
    return provider(id_, auth=(method,))


@pytest.mark.parametrize(
    ("block", "kind"),
    [
        (with_key("acme", "openai-api-key"), "choice"),
        (with_key("acme", "setup-token"), "choice"),
        (with_key("acme", "acme-key", "--openai-api-key"), "flag"),
    ],
)
def test_a_login_choice_or_flag_of_another_provider_is_refused(
    core: ProviderRegistry, block: Provider, kind: str
) -> None:
    before = core.snapshot()
    with pytest.raises(RegistrationError) as caught:
        core.register_provider(block, owner=LOCAL)
    assert caught.value.code == "registry.duplicate"
    assert [each.path for each in caught.value.diagnostics] == [("acme", kind)]
    assert "core" in caught.value.message
    assert "plugin:local" in caught.value.message
    assert core.snapshot() is before


def test_two_methods_of_one_provider_may_share_a_flag() -> None:
    registry = ProviderRegistry()
    both = (
        AuthMethod("one", "one", "api_key", "One", "api-key", key=ApiKey("Key", ("--key",)), profile="acme:default"),
        AuthMethod("two", "two", "api_key", "Two", "api-key", key=ApiKey("Key", ("--key",)), profile="acme:default"),
    )
    registry.register_provider(provider("acme", auth=both))
    assert registry.resolve_provider("acme").auth == both


# --- methods that a plugin supplies

SUPPLIER = Owner(Trust.INSTALLED, "plugin:acme-auth")


def with_slot() -> ProviderRegistry:
    slot = AuthMethod(
        id="device",
        choice="acme-device",
        kind="device_code",
        label="Acme device",
        runner="plugin:acme-auth/device",
        profile="acme:default",
        supplied_by="acme-auth",
    )
    registry = ProviderRegistry()
    registry.register_provider(provider("acme", "acme-ai", auth=(slot,)), owner=CORE)
    return registry


def test_the_named_plugin_fills_its_slot_and_the_rest_of_the_block_stays() -> None:
    registry = with_slot()
    before = registry.resolve_provider("acme")
    registry.supply_method("acme", "device", runner="plugin:acme-auth/code", owner=SUPPLIER)
    after = registry.resolve_provider("acme-ai")
    assert (after.auth[0].runner, after.auth[0].supplied_by) == ("plugin:acme-auth/code", None)
    assert (after.id, after.aliases, after.label) == (before.id, before.aliases, before.label)
    assert (after.auth[0].choice, after.auth[0].label) == ("acme-device", "Acme device")
    assert registry.owner_of("acme") == CORE


@pytest.mark.parametrize(
    ("owner", "method"),
    [
        (Owner(Trust.INSTALLED, "plugin:other"), "device"),
        (Owner(Trust.WORKSPACE, "plugin:acme-auth"), "device"),
        (Owner(Trust.INSTALLED, "app"), "device"),
        (SUPPLIER, "unknown"),
    ],
    ids=["another plugin", "a workspace's plugin", "no plugin", "no such method"],
)
def test_nobody_else_fills_a_slot(owner: Owner, method: str) -> None:
    registry = with_slot()
    with pytest.raises(RegistrationError) as caught:
        registry.supply_method("acme", method, runner="plugin:x/y", owner=owner)
    assert caught.value.code == "registry.slot"
    assert registry.resolve_provider("acme") == with_slot().resolve_provider("acme")


def test_a_slot_is_filled_once() -> None:
    registry = with_slot()
    registry.supply_method("acme", "device", runner="plugin:acme-auth/device", owner=SUPPLIER)
    with pytest.raises(RegistrationError):
        registry.supply_method("acme", "device", runner="plugin:acme-auth/other", owner=SUPPLIER)


def test_a_slot_of_an_unknown_provider_is_unknown() -> None:
    with pytest.raises(UnknownNameError):
        with_slot().supply_method("nobody", "device", runner="plugin:x/y", owner=SUPPLIER)


@pytest.mark.parametrize("kind", ["oauth", "device_code", "api_key", "token", "custom"])
def test_a_method_that_a_plugin_runs_needs_no_description_of_its_flow(kind: Any) -> None:
    method = AuthMethod(id="in", choice="acme-in", kind=kind, label="In", runner="plugin:acme/in")
    assert provider("acme", auth=(method,)).auth == (method,)
