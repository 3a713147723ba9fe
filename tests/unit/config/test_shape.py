"""The check of a config's value: each rule, each wrong type, and what is left to other programs."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.config.shape import check_config

if TYPE_CHECKING:
    from jackfield.diagnostics import Diagnostic

Path = tuple[str, ...]

_KINDS: dict[str, object] = {
    "null": None,
    "true or false": True,
    "text": "text",
    "an object": {},
    "a list": [],
    "a number": 7,
}
_FLOAT = 0.5


def nested(path: Path, value: object) -> Any:
    """Put `value` at `path` of an otherwise empty config; `[0]` makes a list of one."""
    for key in reversed(path):
        value = [value] if key == "[0]" else {key: value}
    return value


def told(value: object) -> list[tuple[str, str, Path]]:
    return [(each.code, each.severity, each.path) for each in check_config(value)]


def errors(value: object) -> list[Diagnostic]:
    return [each for each in check_config(value) if each.severity == "error"]


PROVIDER = ("models", "providers", "acme")
MODEL = (*PROVIDER, "models", "[0]")
DEFAULTS = ("agents", "defaults")
PROFILE = ("auth", "profiles", "acme:default")

# Every field with a type, and what it must be; the kinds not named are wrong there.
FIELDS: list[tuple[Path, str, set[str]]] = [
    ((), "an object", {"an object"}),
    (("models",), "an object", {"an object"}),
    (("models", "mode"), "text", {"text"}),
    (("models", "providers"), "an object", {"an object"}),
    (PROVIDER, "an object", {"an object"}),
    ((*PROVIDER, "baseUrl"), "text", {"text"}),
    ((*PROVIDER, "apiKey"), "text", {"text"}),
    ((*PROVIDER, "auth"), "text", {"text"}),
    ((*PROVIDER, "api"), "text", {"text"}),
    ((*PROVIDER, "headers"), "an object", {"an object"}),
    ((*PROVIDER, "headers", "X-One"), "text", {"text"}),
    ((*PROVIDER, "authHeader"), "true or false", {"true or false"}),
    ((*PROVIDER, "models"), "a list", {"a list"}),
    (MODEL, "an object", {"an object"}),
    ((*MODEL, "id"), "text", {"text"}),
    ((*MODEL, "name"), "text", {"text"}),
    ((*MODEL, "api"), "text", {"text"}),
    ((*MODEL, "reasoning"), "true or false", {"true or false"}),
    ((*MODEL, "input"), "a list", {"a list"}),
    ((*MODEL, "input", "[0]"), "text", {"text"}),
    ((*MODEL, "cost"), "an object", {"an object"}),
    ((*MODEL, "cost", "input"), "a number", {"a number"}),
    ((*MODEL, "cost", "output"), "a number", {"a number"}),
    ((*MODEL, "cost", "cacheRead"), "a number", {"a number"}),
    ((*MODEL, "cost", "cacheWrite"), "a number", {"a number"}),
    ((*MODEL, "contextWindow"), "a number", {"a number"}),
    ((*MODEL, "maxTokens"), "a number", {"a number"}),
    ((*MODEL, "headers"), "an object", {"an object"}),
    ((*MODEL, "headers", "X-One"), "text", {"text"}),
    (("agents",), "an object", {"an object"}),
    (DEFAULTS, "an object", {"an object"}),
    ((*DEFAULTS, "models"), "an object", {"an object"}),
    ((*DEFAULTS, "models", "acme/one"), "an object", {"an object"}),
    ((*DEFAULTS, "models", "acme/one", "alias"), "text", {"text"}),
    ((*DEFAULTS, "models", "acme/one", "params"), "an object", {"an object"}),
    ((*DEFAULTS, "model"), "text or an object", {"text", "an object"}),
    ((*DEFAULTS, "model", "primary"), "text", {"text"}),
    ((*DEFAULTS, "model", "fallbacks"), "a list", {"a list"}),
    ((*DEFAULTS, "model", "fallbacks", "[0]"), "text", {"text"}),
    (("auth",), "an object", {"an object"}),
    (("auth", "profiles"), "an object", {"an object"}),
    (PROFILE, "an object", {"an object"}),
    ((*PROFILE, "provider"), "text", {"text"}),
    ((*PROFILE, "mode"), "text", {"text"}),
    ((*PROFILE, "email"), "text", {"text"}),
    (("auth", "order"), "an object", {"an object"}),
    (("auth", "order", "acme"), "a list", {"a list"}),
    (("auth", "order", "acme", "[0]"), "text", {"text"}),
    (("plugins",), "an object", {"an object"}),
    (("plugins", "enabled"), "true or false", {"true or false"}),
    (("plugins", "allow"), "a list", {"a list"}),
    (("plugins", "allow", "[0]"), "text", {"text"}),
    (("plugins", "deny"), "a list", {"a list"}),
    (("plugins", "deny", "[0]"), "text", {"text"}),
    (("plugins", "load"), "an object", {"an object"}),
    (("plugins", "load", "paths"), "a list", {"a list"}),
    (("plugins", "load", "paths", "[0]"), "text", {"text"}),
    (("plugins", "entries"), "an object", {"an object"}),
    (("plugins", "entries", "acme"), "an object", {"an object"}),
    (("plugins", "entries", "acme", "enabled"), "true or false", {"true or false"}),
    (("plugins", "entries", "acme", "config"), "an object", {"an object"}),
    (("voice",), "an object", {"an object"}),
]
WRONG = [
    pytest.param(path, wanted, kind, id=f"{'.'.join(path) or 'root'} is {kind}")
    for path, wanted, right in FIELDS
    for kind in _KINDS
    if kind not in right
]


@pytest.mark.parametrize(("path", "wanted", "kind"), WRONG)
def test_a_wrong_type_is_an_error_at_its_own_place(path: Path, wanted: str, kind: str) -> None:
    found = [each for each in errors(nested(path, _KINDS[kind])) if each.code == "config.type"]
    assert [(each.path, each.message) for each in found] == [(path, f"must be {wanted}, not {kind}")]


@pytest.mark.parametrize(("path", "kinds"), [(path, kinds) for path, _, kinds in FIELDS])
def test_the_right_type_is_no_type_error(path: Path, kinds: set[str]) -> None:
    for kind in kinds:
        assert [each for each in errors(nested(path, _KINDS[kind])) if each.code == "config.type"] == []


def test_a_fraction_and_a_whole_number_are_both_numbers() -> None:
    for value in (0, 1, _FLOAT, 10**30):
        assert told(nested((*PROVIDER, "models"), [{"id": "m", "contextWindow": value}])) == []


CHOICES: list[tuple[Path, tuple[str, ...], str]] = [
    (("models", "mode"), ("merge", "replace"), "merge, replace"),
    ((*PROVIDER, "auth"), ("api-key", "aws-sdk", "oauth", "token"), "api-key, aws-sdk, oauth, token"),
    ((*PROFILE, "mode"), ("api_key", "oauth", "token"), "api_key, oauth, token"),
    ((*MODEL, "input", "[0]"), ("text", "image", "audio", "video"), "text, image, audio, video"),
]


@pytest.mark.parametrize(("path", "allowed", "listed"), CHOICES)
def test_a_word_that_is_not_among_the_choices_is_an_error_that_lists_them(
    path: Path, allowed: tuple[str, ...], listed: str
) -> None:
    for word in ("other", "", allowed[0].upper(), f" {allowed[0]} "):
        found = [each for each in errors(nested(path, word)) if each.path == path]
        assert [(each.code, each.message) for each in found] == [("config.value", f"must be one of {listed}")]
    for word in allowed:
        assert [each for each in errors(nested(path, word)) if each.path == path] == []


def test_a_mistyped_choice_suggests_the_near_one() -> None:
    assert [each.hint for each in check_config({"models": {"mode": "mergee"}})] == ["Did you mean merge?"]
    assert [each.hint for each in check_config({"models": {"mode": "zzz"}})] == [None]


@pytest.mark.parametrize("path", [(*PROVIDER, "api"), (*MODEL, "api")])
def test_an_api_style_of_another_program_is_kept_with_a_warning(path: Path) -> None:
    found = [each for each in check_config(nested(path, "some-other-style")) if each.path == path]
    assert [(each.code, each.severity) for each in found] == [("config.value", "warning")]
    assert "openai-completions" in found[0].message


@pytest.mark.parametrize(
    "style", ["openai-completions", "openai-responses", "anthropic-messages", "google-generative-ai", "cli"]
)
def test_a_known_api_style_is_no_fault(style: str) -> None:
    assert told(nested((*PROVIDER, "api"), style)) == []


@pytest.mark.parametrize(
    "path",
    [
        (*PROVIDER, "baseUrl"),
        (*MODEL, "id"),
        (*MODEL, "name"),
        (*PROFILE, "provider"),
        ("auth", "order", "acme", "[0]"),
        (*DEFAULTS, "model"),
        (*DEFAULTS, "model", "primary"),
        (*DEFAULTS, "model", "fallbacks", "[0]"),
        ("plugins", "load", "paths", "[0]"),
    ],
)
@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
def test_what_must_say_something_must_not_be_blank(path: Path, blank: str) -> None:
    found = [each for each in errors(nested(path, blank)) if each.path == path]
    assert [each.code for each in found] == ["config.blank"]


@pytest.mark.parametrize("path", [(*PROVIDER, "apiKey"), (*PROFILE, "email")])
def test_what_may_be_left_out_may_be_blank(path: Path) -> None:
    assert [each for each in errors(nested(path, "")) if each.path == path] == []


@pytest.mark.parametrize("field", ["contextWindow", "maxTokens"])
@pytest.mark.parametrize("value", [-1, -0.001, math.inf, -math.inf, math.nan])
def test_a_size_that_cannot_be_is_out_of_range(field: str, value: float) -> None:
    assert told(nested((*PROVIDER, "models"), [{"id": "m", field: value}])) == [
        ("config.range", "error", (*MODEL, field))
    ]


@pytest.mark.parametrize("field", ["input", "output", "cacheRead", "cacheWrite"])
@pytest.mark.parametrize("value", [-1, math.inf, math.nan])
def test_a_price_that_cannot_be_is_out_of_range(field: str, value: float) -> None:
    assert told(nested((*PROVIDER, "models"), [{"id": "m", "cost": {field: value}}])) == [
        ("config.range", "error", (*MODEL, "cost", field))
    ]


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (nested(MODEL, {}), MODEL, "must have id"),
        (nested(PROFILE, {}), PROFILE, "must have provider"),
        (nested(PROFILE, {"provider": "acme"}), PROFILE, "must have mode"),
        (nested(PROFILE, {"mode": "oauth"}), PROFILE, "must have provider"),
    ],
)
def test_a_missing_field_is_told_at_the_object_that_lacks_it(value: object, path: Path, message: str) -> None:
    assert (path, message) in [(each.path, each.message) for each in errors(value) if each.code == "config.missing"]


@pytest.mark.parametrize(
    ("key", "good"),
    [
        ("acme", True),
        ("Z.AI", True),
        (" acme ", True),
        ("a" * 64, True),
        ("7", True),
        ("", False),
        ("-acme", False),
        ("acme/x", False),
        ("a" * 65, False),
        ("ünïcode", False),
        ("\u212aimi", False),
        ("acme\u200b", False),
        ("__proto__", False),
        ("$other", False),
    ],
)
def test_a_provider_is_named_by_an_id(key: str, good: bool) -> None:
    for path in (("models", "providers"), ("auth", "order")):
        value = nested(path, {key: {} if path[0] == "models" else []})
        assert told(value) == ([] if good else [("config.key", "error", (*path, key))])


@pytest.mark.parametrize(
    ("key", "good"),
    [
        ("acme:default", True),
        ("Z.AI:Work", True),
        ("acme:me@example.test", True),
        ("acme:ünïcode", True),
        ("acme", False),
        ("acme:", False),
        (":default", False),
        ("acme:two words", False),
        ("acme:\x1b[2J", False),
        ("", False),
    ],
)
def test_a_profile_is_named_by_provider_and_name(key: str, good: bool) -> None:
    entry = {"provider": "acme", "mode": "api_key"}
    expected = [] if good else [("config.key", "error", ("auth", "profiles", key))]
    assert told({"auth": {"profiles": {key: entry}}}) == expected


@pytest.mark.parametrize("path", [(*DEFAULTS, "model"), (*DEFAULTS, "model", "primary")])
@pytest.mark.parametrize(
    ("ref", "code"),
    [("acme/one", None), ("acme/deep/one:free", None), ("one", "config.bare-model"), ("acme/", "config.bare-model")],
)
def test_a_model_without_its_provider_is_a_warning(path: Path, ref: str, code: str | None) -> None:
    assert told(nested(path, ref)) == ([(code, "warning", path)] if code else [])


def test_a_fallback_without_its_provider_is_told_by_its_place() -> None:
    value = nested((*DEFAULTS, "model", "fallbacks"), ["acme/one", "two", "acme/three", "four"])
    assert [each.path[-1] for each in check_config(value)] == ["[1]", "[3]"]


@pytest.mark.parametrize(
    "path",
    [
        ("models", "extra"),
        (*PROVIDER, "extra"),
        (*DEFAULTS, "models", "acme/one", "extra"),
        (*DEFAULTS, "model", "extra"),
        ("plugins", "load", "extra"),
        ("plugins", "entries", "acme", "extra"),
    ],
)
@pytest.mark.parametrize("value", [None, 1, "x", [], {"deep": [1, {"er": None}]}])
def test_an_unknown_field_is_a_warning_whatever_it_holds(path: Path, value: object) -> None:
    assert told(nested(path, value)) == [("config.unknown-field", "warning", path)]


@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("baseUrll", "Did you mean baseUrl? Otherwise it is kept and ignored."),
        ("apikey", "Did you mean apiKey? Otherwise it is kept and ignored."),
        ("zzzzzz", "It is kept and ignored."),
    ],
)
def test_an_unknown_field_suggests_the_near_known_one(field: str, hint: str) -> None:
    assert [each.hint for each in check_config(nested((*PROVIDER, field), 1))] == [hint]


FOREIGN: list[Any] = [
    {"gateway": {"port": "not a number"}, "channels": 7, "meta": None},
    {"agents": {"list": "anything", "other": [None]}},
    {"agents": {"defaults": {"workspace": 7, "heartbeat": None, "sandbox": []}}},
    {"auth": {"cooldowns": "x", "anything": [1]}},
    {"plugins": {"slots": 1, "installs": None}},
    {"models": {"bedrockDiscovery": 5}},
    {"models": {"bedrockDiscovery": {"enabled": "yes", "regions": [1]}}},
    {"models": {"providers": {"acme": {"models": [{"id": "m", "compat": 5}]}}}},
    {"agents": {"defaults": {"models": {"acme/one": {"params": {"temperature": "hot", "x": None}}}}}},
    {"plugins": {"entries": {"acme": {"config": {"deep": [None, {"er": 1}]}}}}},
    {"voice": {"chain": 5, "engines": None}},
    {"": 1, "ключ": {"значение": None}, "constructor": {}, "__proto__": []},
]


@pytest.mark.parametrize("value", FOREIGN)
def test_what_belongs_to_other_programs_is_not_judged(value: object) -> None:
    assert told(value) == []


@pytest.mark.parametrize(
    "path",
    [
        ("models", "providers"),
        PROVIDER,
        (*DEFAULTS, "models"),
        ("auth", "profiles"),
        PROFILE,
        ("auth", "order"),
        ("plugins", "entries"),
        MODEL,
    ],
)
@pytest.mark.parametrize("included", ["./more.json5", ["./a.json5", "./b.json5"]])
def test_what_an_object_lacks_may_be_in_a_file_that_could_not_be_read(path: Path, included: object) -> None:
    assert told(nested(path, {"$include": included})) == []
    assert told(nested(path, {})) == [
        ("config.missing", "error", path) for _ in range({PROFILE: 2, MODEL: 1}.get(path, 0))
    ]


@pytest.mark.parametrize(
    "path", [(*PROVIDER, "models"), (*PROVIDER, "baseUrl"), ("models", "mode"), ("plugins", "allow")]
)
def test_a_file_that_could_not_be_read_may_hold_a_value_of_any_type(path: Path) -> None:
    assert told(nested(path, {"$include": "./value.json5"})) == []
    assert told(nested(path, {"include": "./value.json5"})) == [("config.type", "error", path)]


def test_every_fault_is_told_at_once_in_the_order_of_the_file() -> None:
    value = {
        "models": {
            "mode": "both",
            "providers": {"bad id": {"baseUrl": 5, "models": [{"name": 1}, 7]}, "acme": {"auth": None, "more": 1}},
        },
        "auth": {"profiles": {"nocolon": {"provider": "", "mode": "key"}}, "order": {"acme": "x"}},
        "plugins": {"allow": [1, "x", None]},
        "voice": [],
    }
    providers: Path = ("models", "providers")
    assert told(value) == [
        ("config.value", "error", ("models", "mode")),
        ("config.key", "error", (*providers, "bad id")),
        ("config.type", "error", (*providers, "bad id", "baseUrl")),
        ("config.type", "error", (*providers, "bad id", "models", "[0]", "name")),
        ("config.missing", "error", (*providers, "bad id", "models", "[0]")),
        ("config.type", "error", (*providers, "bad id", "models", "[1]")),
        ("config.type", "error", (*providers, "acme", "auth")),
        ("config.unknown-field", "warning", (*providers, "acme", "more")),
        ("config.key", "error", ("auth", "profiles", "nocolon")),
        ("config.blank", "error", ("auth", "profiles", "nocolon", "provider")),
        ("config.value", "error", ("auth", "profiles", "nocolon", "mode")),
        ("config.type", "error", ("auth", "order", "acme")),
        ("config.type", "error", ("plugins", "allow", "[0]")),
        ("config.type", "error", ("plugins", "allow", "[2]")),
        ("config.type", "error", ("voice",)),
    ]


def test_no_message_repeats_a_value() -> None:
    canary = "sk-canary-0123456789abcdef"
    value = {
        "models": {
            "mode": canary,
            "providers": {"acme": {"auth": canary, "api": canary, "headers": canary, "models": [{"id": [canary]}]}},
        },
        "agents": {"defaults": {"model": canary}},
        "auth": {"profiles": {"acme:a": {"provider": "acme", "mode": canary}}, "order": {"acme": canary}},
        "plugins": {"load": canary, "enabled": canary},
    }
    found = check_config(value)
    assert len(found) >= 9
    assert canary not in repr(found)


def test_ten_thousand_unknown_fields_are_ten_thousand_warnings_and_no_long_search() -> None:
    value = nested(PROVIDER, {f"baseUr{number}": number for number in range(10_000)})
    started = time.process_time()
    found = check_config(value)
    assert time.process_time() - started < 1.0  # a search for each would take several times as long
    assert {(each.code, each.severity) for each in found} == {("config.unknown-field", "warning")}
    assert len(found) == 10_000
    assert [each.hint for each in found].count("Did you mean baseUrl? Otherwise it is kept and ignored.") == 20


def test_a_deep_foreign_value_needs_no_depth_of_its_own() -> None:
    deep: Any = None
    for _ in range(20_000):
        deep = [deep]
    assert told({"channels": deep, "models": {"bedrockDiscovery": deep}}) == []
    while deep is not None:  # taken apart by hand: a nest this deep must not be freed all at once
        (deep,) = deep


def test_an_empty_config_has_no_faults() -> None:
    assert told({}) == []
