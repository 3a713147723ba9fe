"""Our part of a config as typed values, and the lookups in it."""

from __future__ import annotations

from typing import Any

import pytest

from jackfield.config.settings import ProfileSettings, ProviderSettings, Settings, read_settings

ZAI = ("zai", "z.ai", "z-ai")


def providers(*keys: str) -> Settings:
    entries = {key: {"baseUrl": f"https://{place}.test"} for place, key in enumerate(keys)}
    return read_settings({"models": {"providers": entries}})


def test_everything_that_is_said_is_read() -> None:
    value = {
        "models": {
            "mode": "replace",
            "providers": {
                "acme": {
                    "baseUrl": " https://api.acme.test/v1 ",
                    "apiKey": "${ACME_KEY}",
                    "auth": "api-key",
                    "api": "openai-completions",
                    "headers": {"X-Team": "blue", "X-Empty": ""},
                    "authHeader": False,
                    "models": [{"id": "one", "cost": {"input": 1}}, {"id": "two"}],
                }
            },
        },
        "agents": {
            "defaults": {
                "model": {"primary": "acme/one", "fallbacks": ["acme/two", "zai/glm-4.7"]},
                "models": {"acme/one": {"alias": "One"}, "acme/two": {}},
            }
        },
        "auth": {
            "profiles": {"acme:default": {"provider": "acme", "mode": "oauth", "email": "me@example.test"}},
            "order": {"Acme": ["acme:default", "acme:other"]},
        },
    }
    assert read_settings(value) == Settings(
        mode="replace",
        providers=(
            ProviderSettings(
                key="acme",
                base_url="https://api.acme.test/v1",
                api_key="${ACME_KEY}",
                auth="api-key",
                api="openai-completions",
                headers=(("X-Team", "blue"), ("X-Empty", "")),
                auth_header=False,
                models=({"id": "one", "cost": {"input": 1}}, {"id": "two"}),
            ),
        ),
        default_model="acme/one",
        fallbacks=("acme/two", "zai/glm-4.7"),
        model_entries=(("acme/one", "One"), ("acme/two", None)),
        profiles=(ProfileSettings("acme:default", "acme", "oauth", "me@example.test"),),
        order=(("Acme", ("acme:default", "acme:other")),),
    )


@pytest.mark.parametrize("value", [None, 5, "text", [], {}, {"models": None, "agents": 1, "auth": []}])
def test_nothing_said_reads_as_the_defaults(value: object) -> None:
    assert read_settings(value) == Settings()
    assert (Settings().mode, Settings().default_model, Settings().providers) == ("merge", None, ())


@pytest.mark.parametrize("wrong", [None, 5, True, "text", [1], {"x": 1}])
def test_a_part_of_a_wrong_type_counts_as_absent_and_the_rest_is_read(wrong: Any) -> None:
    not_text = None if isinstance(wrong, str) else wrong
    not_object = None if isinstance(wrong, dict) else wrong
    not_list = None if isinstance(wrong, list) else wrong
    entry = {"baseUrl": not_text, "apiKey": not_text, "headers": not_object, "models": not_list, "auth": "oauth"}
    value = {
        "models": {"mode": not_text, "providers": {"bad": not_object, "acme": entry}},
        "agents": {"defaults": {"model": {"primary": not_text, "fallbacks": not_list}, "models": not_object}},
        "auth": {"profiles": {"acme:bad": not_object}, "order": {"acme": not_list}},
    }
    settings = read_settings(value)
    assert settings == Settings(
        providers=(ProviderSettings("bad"), ProviderSettings("acme", auth="oauth")), order=(("acme", ()),)
    )


@pytest.mark.parametrize("flag", [0, 1, "true", None])
def test_only_a_true_flag_is_a_flag(flag: object) -> None:
    entry = read_settings({"models": {"providers": {"acme": {"authHeader": flag}}}}).providers[0]
    assert entry.auth_header is None


@pytest.mark.parametrize("blank", ["", "  ", "\t\n"])
def test_blank_text_counts_as_absent(blank: str) -> None:
    value = {"models": {"providers": {"acme": {"baseUrl": blank, "apiKey": blank, "api": blank}}}}
    assert read_settings(value).providers == (ProviderSettings("acme"),)
    assert read_settings({"agents": {"defaults": {"model": blank}}}).default_model is None


@pytest.mark.parametrize(
    ("model", "primary", "fallbacks"),
    [
        ("acme/one", "acme/one", ()),
        (" acme/one ", "acme/one", ()),
        ({"primary": "acme/one"}, "acme/one", ()),
        ({"fallbacks": ["acme/two"]}, None, ("acme/two",)),
        (
            {"primary": "acme/one", "fallbacks": ["acme/two", 5, None, "acme/three"]},
            "acme/one",
            ("acme/two", "acme/three"),
        ),
        ({}, None, ()),
        (None, None, ()),
    ],
)
def test_the_default_model_is_text_or_an_object(model: object, primary: str | None, fallbacks: tuple[str, ...]) -> None:
    settings = read_settings({"agents": {"defaults": {"model": model}}})
    assert (settings.default_model, settings.fallbacks) == (primary, fallbacks)


@pytest.mark.parametrize("entry", [{"provider": "acme"}, {"mode": "oauth"}, {"provider": "", "mode": "oauth"}, {}])
def test_a_profile_entry_without_provider_or_mode_is_left_out(entry: object) -> None:
    good = {"provider": "acme", "mode": "token"}
    settings = read_settings({"auth": {"profiles": {"acme:a": entry, "acme:b": good}}})
    assert settings.profiles == (ProfileSettings("acme:b", "acme", "token"),)


@pytest.mark.parametrize("mode", ["merge", "other", "Replace", None, 1])
def test_every_mode_but_replace_is_merge(mode: object) -> None:
    assert read_settings({"models": {"mode": mode}}).mode == "merge"


def test_an_included_file_is_neither_a_provider_nor_a_profile() -> None:
    take = {"$include": "./more.json5"}
    value = {
        "models": {"providers": {**take, "acme": {**take, "headers": take}}},
        "auth": {"profiles": take, "order": take},
        "agents": {"defaults": {"models": take, "model": take}},
    }
    assert read_settings(value) == Settings(providers=(ProviderSettings("acme"),))


def test_reading_leaves_the_value_as_it_is() -> None:
    value = {"models": {"providers": {"$include": "x", "acme": {"models": [{"id": "one"}]}}}}
    read_settings(value)
    assert value == {"models": {"providers": {"$include": "x", "acme": {"models": [{"id": "one"}]}}}}


def test_an_entry_knows_where_it_stands() -> None:
    assert providers("Z.AI").providers[0].path == ("models", "providers", "Z.AI")


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        (("zai",), "zai"),
        (("z-ai",), "z-ai"),
        (("Z.AI",), "Z.AI"),
        ((" zai ",), " zai "),
        (("z-ai", "zai"), "zai"),
        (("Z-AI", "z.ai"), "z.ai"),
        (("z-ai", "z.ai"), "z.ai"),
        (("ZAI", "z-ai"), "z-ai"),
        (("ZAI", "Z.AI"), "ZAI"),
        (("Z.AI", "ZAI"), "Z.AI"),
        (("acme", "other"), None),
        ((), None),
        (("zai2", "z_ai", "za\u0131"), None),
    ],
)
def test_an_exact_key_goes_before_a_spelling_and_the_id_before_an_alias(
    keys: tuple[str, ...], found: str | None
) -> None:
    entry = providers(*keys).provider(ZAI)
    assert (entry.key if entry else None) == found


def test_a_lookup_takes_any_iterable_once() -> None:
    entry = providers("Z.AI").provider(iter(ZAI))
    assert entry is not None
    assert entry.key == "Z.AI"
    assert read_settings({"auth": {"order": {"Z-AI": ["zai:a"]}}}).order_of(iter(ZAI)) == ("zai:a",)


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ({"zai": ["zai:a", "zai:b"]}, ("zai:a", "zai:b")),
        ({" Z.AI ": ["zai:a"]}, ("zai:a",)),
        ({"acme": ["acme:a"], "z-ai": ["zai:b"]}, ("zai:b",)),
        ({"z-ai": ["zai:b"], "zai": ["zai:a"]}, ("zai:b",)),
        ({"zai": []}, ()),
        ({"zai": [5, "zai:a", None]}, ("zai:a",)),
        ({"acme": ["acme:a"]}, ()),
        ({}, ()),
    ],
)
def test_an_order_is_found_by_any_name_of_its_provider(order: dict[str, object], found: tuple[str, ...]) -> None:
    assert read_settings({"auth": {"order": order}}).order_of(ZAI) == found


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        providers("acme").providers[0].api_key = "x"  # type: ignore[misc]
