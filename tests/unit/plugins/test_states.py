from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jackfield.config.settings import PluginEntry, PluginSettings, read_settings
from jackfield.errors import RequestError
from jackfield.plugins.found import Candidate, FoundPlugin
from jackfield.plugins.states import IN_WORKSPACE, config_diagnostics, enable_change, enable_state, plugin_entry

if TYPE_CHECKING:
    from jackfield.plugins.found import Origin

OFF = ("disabled", "plugins disabled")
DENIED = ("disabled", "blocked by denylist")
NOT_ALLOWED = ("disabled", "not in allowlist")
SWITCHED_OFF = ("disabled", "disabled in config")
ENABLED = ("enabled", None)

ENTRIES = ("plugins", "entries")


def settings(entries: dict[str, bool | None] | None = None, **more: Any) -> PluginSettings:
    said = tuple(PluginEntry(name, enabled) for name, enabled in (entries or {}).items())
    return PluginSettings(entries=said, **more)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (settings(), ENABLED),
        (settings({"acme": True}), ENABLED),
        (settings({"acme": None}), ENABLED),
        (settings({"acme": False}), SWITCHED_OFF),
        (settings({"other": False}), ENABLED),
        (settings(allow=("acme",)), ENABLED),
        (settings(allow=("other",)), NOT_ALLOWED),
        (settings(allow=()), ENABLED),
        (settings({"acme": True}, allow=("other",)), NOT_ALLOWED),
        (settings({"acme": False}, allow=("acme",)), SWITCHED_OFF),
        (settings({"acme": False}, allow=("other",)), NOT_ALLOWED),
        (settings(deny=("acme",)), DENIED),
        (settings(deny=("other",)), ENABLED),
        (settings({"acme": True}, deny=("acme",)), DENIED),
        (settings(allow=("acme",), deny=("acme",)), DENIED),
        (settings({"acme": True}, allow=("acme",), deny=("acme",)), DENIED),
        (settings(allow=("other",), deny=("acme",)), DENIED),
        (settings({"acme": False}, deny=("acme",)), DENIED),
        (settings(enabled=False), OFF),
        (settings({"acme": True}, enabled=False, allow=("acme",)), OFF),
        (settings(enabled=False, deny=("acme",)), OFF),
        (settings(deny=(" ACME ",)), DENIED),
        (settings(allow=("Acme",)), ENABLED),
        (settings({"ACME": False}), SWITCHED_OFF),
        (settings({"ACME": False, "acme": True}), ENABLED),
        (settings({"acme": False, "ACME": True}), SWITCHED_OFF),
        (settings(deny=("a\u212ame",)), ENABLED),
    ],
)
@pytest.mark.parametrize("origin", ["config", "global", "installed"])
def test_what_the_config_says_counts_in_one_order(said: PluginSettings, expected: Any, origin: Origin) -> None:
    assert enable_state(said, origin, "acme") == expected


@pytest.mark.parametrize(
    "said",
    [
        settings(),
        settings({"acme": True}),
        settings({"acme": True}, allow=("acme",)),
        settings(allow=("acme",)),
        settings(enabled=False),
        settings(deny=("acme",)),
        settings({"acme": False}),
    ],
)
def test_nothing_in_the_workspace_is_enabled_whatever_the_config_says(said: PluginSettings) -> None:
    assert enable_state(said, "workspace", "acme") == ("disabled", "in the workspace, not loaded unasked")


@pytest.mark.parametrize(
    ("names", "wanted", "expected"),
    [
        (("acme",), "acme", "acme"),
        (("ACME",), "acme", "ACME"),
        (("acme",), " Acme ", "acme"),
        (("ACME", "acme"), "acme", "acme"),
        (("Acme", "ACME"), "acme", "Acme"),
        (("other",), "acme", None),
        ((), "acme", None),
    ],
)
def test_an_entry_is_found_whatever_its_letter_case(names: tuple[str, ...], wanted: str, expected: str | None) -> None:
    found = plugin_entry(settings(dict.fromkeys(names, True)), wanted)
    assert (found.id if found else None) == expected


# Ids in the config


def found(plugin_id: str, origin: Origin = "global", status: Any = "enabled") -> FoundPlugin:
    return FoundPlugin(plugin_id, Candidate(origin, "/x", "/x/plugin.py", plugin_id, "python"), None, status)


@pytest.mark.parametrize(
    ("said", "paths"),
    [
        (settings(), []),
        (settings({"acme": True, "ACME": False}, allow=("Acme",), deny=("acme",)), []),
        (settings({"Other": True}), [(*ENTRIES, "Other")]),
        (settings({"other": False}), [(*ENTRIES, "other")]),
        (settings(allow=("other",)), [("plugins", "allow")]),
        (settings(deny=("other",)), [("plugins", "deny")]),
        (
            settings({"other": True}, allow=("OTHER",), deny=("other", "third")),
            [(*ENTRIES, "other"), ("plugins", "deny")],
        ),
    ],
)
def test_an_id_that_no_plugin_has_is_a_warning_at_the_first_place(said: PluginSettings, paths: list[Any]) -> None:
    told = config_diagnostics(said, [found("acme")])
    assert [each.path for each in told] == paths
    assert {(each.code, each.severity, each.owner) for each in told} <= {("plugin.unknown-id", "warning", "config")}


def test_an_unknown_id_is_told_with_the_nearest_known_one() -> None:
    (one, two) = config_diagnostics(settings({"acne": True, "zzz": True}), [found("acme"), found("beta")])
    assert (one.message, one.hint) == ("plugin not found: 'acne'", "Did you mean acme?")
    assert (two.message, two.hint) == ("plugin not found: 'zzz'", "Install it, or remove it from the config.")


def test_a_key_in_place_of_an_id_is_not_repeated() -> None:
    secret = "sk-" + "x" * 80
    (told,) = config_diagnostics(settings(allow=(secret,)), [])
    assert told.message == "plugin not found: a text of 83 characters"


@pytest.mark.parametrize("status", ["enabled", "disabled", "error"])
def test_a_plugin_that_is_there_is_known_whatever_its_state(status: str) -> None:
    assert config_diagnostics(settings({"acme": True}), [found("acme", status=status)]) == ()


@pytest.mark.parametrize(
    ("said", "paths"),
    [
        (settings({"acme": True}), [(*ENTRIES, "acme")]),
        (settings({"acme": None}), [(*ENTRIES, "acme")]),
        (settings(allow=("acme",)), [("plugins", "allow")]),
        (settings({"acme": False}), []),
        (settings(deny=("acme",)), []),
        (settings(), []),
    ],
)
def test_wanting_a_plugin_that_only_the_workspace_has_is_told(said: PluginSettings, paths: list[Any]) -> None:
    told = config_diagnostics(said, [found("acme", "workspace", "disabled")])
    assert [(each.code, each.severity, each.path) for each in told] == [
        ("plugin.in-workspace", "warning", path) for path in paths
    ]
    assert all(each.message == f"plugin 'acme' is {IN_WORKSPACE}" for each in told)
    assert config_diagnostics(said, [found("acme", "workspace", "disabled"), found("acme", "global")]) == ()


# Changing it


@pytest.mark.parametrize(
    ("said", "enabled", "expected"),
    [
        (settings(), True, [((*ENTRIES, "acme", "enabled"), True)]),
        (settings(), False, [((*ENTRIES, "acme", "enabled"), False)]),
        (settings({"acme": None}), True, [((*ENTRIES, "acme", "enabled"), True)]),
        (settings({"acme": True}), True, []),
        (settings({"acme": False}), True, [((*ENTRIES, "acme", "enabled"), True)]),
        (settings({"acme": False}), False, []),
        (settings({"acme": True}), False, [((*ENTRIES, "acme", "enabled"), False)]),
        (settings({"ACME": True}), False, [((*ENTRIES, "ACME", "enabled"), False)]),
        (settings({"acme": True}, allow=()), True, []),
        (settings({"acme": True}, allow=("acme",)), True, []),
        (settings({"acme": True}, allow=("ACME",)), True, []),
        (settings({"acme": True}, allow=("b", "a")), True, [(("plugins", "allow"), ["b", "a", "acme"])]),
        (
            settings(allow=("b",)),
            True,
            [((*ENTRIES, "acme", "enabled"), True), (("plugins", "allow"), ["b", "acme"])],
        ),
        (settings(allow=("b",)), False, [((*ENTRIES, "acme", "enabled"), False)]),
        (settings(deny=("acme",)), False, [((*ENTRIES, "acme", "enabled"), False)]),
        (settings(enabled=False), False, [((*ENTRIES, "acme", "enabled"), False)]),
        (settings(deny=("b",)), True, [((*ENTRIES, "acme", "enabled"), True)]),
    ],
)
def test_what_enabling_and_disabling_change(said: PluginSettings, enabled: bool, expected: list[Any]) -> None:
    assert enable_change(said, " Acme ", enabled) == expected


@pytest.mark.parametrize(
    ("said", "codes", "message", "fix"),
    [
        (
            settings(deny=("ACME",)),
            ["plugin.denied"],
            "acme cannot be enabled: blocked by denylist.",
            "Remove acme from plugins.deny.",
        ),
        (
            settings(enabled=False),
            ["plugin.off"],
            "acme cannot be enabled: plugins disabled.",
            "Set plugins.enabled to true, or remove it.",
        ),
        (
            settings(enabled=False, deny=("acme",)),
            ["plugin.off", "plugin.denied"],
            "acme cannot be enabled: plugins disabled and blocked by denylist.",
            "Set plugins.enabled to true, or remove it. Remove acme from plugins.deny.",
        ),
    ],
)
def test_enabling_what_is_barred_is_refused(said: PluginSettings, codes: list[str], message: str, fix: str) -> None:
    with pytest.raises(RequestError) as caught:
        enable_change(said, "acme", True)
    assert (caught.value.code, caught.value.message, caught.value.fix) == (codes[0], message, fix)
    assert [each.code for each in caught.value.diagnostics] == codes


def test_a_plugin_leaves_the_deny_list_only_when_the_user_says_so() -> None:
    said = settings({"acme": True}, deny=("Acme", "b", "acme"))
    assert enable_change(said, "acme", True, undeny=True) == [(("plugins", "deny"), ["b"])]
    assert enable_change(settings({"acme": True}, deny=("acme",)), "acme", True, undeny=True) == [
        (("plugins", "deny"), None)
    ]
    assert enable_change(settings({"acme": True}, deny=("b",)), "acme", True, undeny=True) == []


def test_leaving_the_deny_list_does_not_switch_plugins_on() -> None:
    with pytest.raises(RequestError) as caught:
        enable_change(settings(enabled=False, deny=("acme",)), "acme", True, undeny=True)
    assert [each.code for each in caught.value.diagnostics] == ["plugin.off"]


@pytest.mark.parametrize("name", ["", " ", "a b", "../x", "@acme/x", "a" * 65, "\u212aey"])
@pytest.mark.parametrize("enabled", [True, False])
def test_only_an_id_can_be_enabled_or_disabled(name: str, enabled: bool) -> None:
    with pytest.raises(RequestError) as caught:
        enable_change(settings(), name, enabled)
    assert caught.value.code == "plugin.not-an-id"


def applied(config: dict[str, Any], changes: list[Any]) -> dict[str, Any]:
    """Return the config with the changes in it."""
    for path, value in changes:
        here = config
        for key in path[:-1]:
            here = here.setdefault(key, {})
        if value is None:
            here.pop(path[-1], None)
        else:
            here[path[-1]] = value
    return config


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"plugins": {"allow": ["b"], "entries": {"ACME": {"enabled": False, "config": {"x": 1}}}}},
        {"plugins": {"deny": ["acme", "c"]}},
        {"plugins": {"allow": [], "deny": [" acme"]}},
    ],
)
@pytest.mark.parametrize("origin", ["config", "global", "installed"])
def test_a_plugin_is_in_the_state_that_was_asked_for_once_the_change_is_made(config: Any, origin: Origin) -> None:
    for enabled, state in ((True, ENABLED), (False, SWITCHED_OFF), (True, ENABLED)):
        changes = enable_change(read_settings(config).plugins, "acme", enabled, undeny=True)
        config = applied(config, changes)
        said = read_settings(config).plugins
        assert enable_state(said, origin, "acme") == state
        assert enable_change(said, "acme", enabled) == []
