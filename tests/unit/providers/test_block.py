from __future__ import annotations

import copy
import json
import pickle
import re
import time
from inspect import getsource
from typing import Any, get_args

import pytest

from jackfield.errors import BlockError
from jackfield.providers import block
from jackfield.providers.block import (
    TEXT,
    TEXT_IMAGE,
    Advisory,
    ApiKey,
    AuthMethod,
    Check,
    Cost,
    Discovery,
    EnvSet,
    EnvVars,
    Group,
    LegacyProfile,
    Model,
    OAuth,
    Provider,
    RuntimeTags,
    TokenExchange,
)
from jackfield.providers.core import core_providers
from jackfield.providers.parts import FrozenMap, Part
from jackfield.records import field_names, replace

SECRET = "sk-live-9f8e7d6c5b4a39281706f5e4d3c2b1a0"
CORE = core_providers()

OAUTH = OAuth(hosts=("auth.acme.test",), token_url="https://auth.acme.test/token")
KEY_METHOD = AuthMethod("key", "acme-key", "api_key", "Key", "api-key", key=ApiKey("Key"), profile="acme:default")
FULL = Provider(
    id="acme",
    label="Acme",
    aliases=("acme.ai", "ac_me"),
    docs_path="/providers/acme",
    base_url="https://{region}.acme.test/v1",
    api="openai-completions",
    api_rules=FrozenMap({"claude-*": "anthropic-messages"}),
    local=True,
    auth_mode="aws-sdk",
    group=Group("acme", "Acme", "key or login", 10),
    auth=(
        replace(
            KEY_METHOD,
            hint="paste it",
            order=3,
            hidden=True,
            legacy_choices=("acme", "acme.old"),
            key=ApiKey(
                "Key", ("--acme-api-key", "--acme"), "acmeKey", "trim", "ak-", 8, False, "https://acme.test/keys"
            ),
            default_model="acme/small",
            allowed_models=("acme/small", "acme/a/b"),
            verify=Check("{origin}/me", "x-api-key", FrozenMap({"v": "1"}), (401,), (404,), True),
        ),
        AuthMethod("login", "acme-login", "oauth", "Login", "oauth-pkce", oauth=OAUTH, profile="acme:{email}"),
        AuthMethod("plug", "acme-plug", "device_code", "Plugin", "plugin", supplied_by="acme-auth"),
        AuthMethod("open", "acme-open", "none", "No key", "none"),
    ),
    env=EnvVars(
        any_of=("ACME_API_KEY", "_ACME2"),
        sets=(EnvSet(("ACME_ID", "ACME_SECRET"), ("ACME_A", "ACME_B"), "ACME_FILE", "~/.acme"),),
        login_shell=("ACME_API_KEY",),
        settings=("ACME_REGION",),
        usage=("ACME_USAGE",),
        cleared=("ACME_API_KEY",),
    ),
    verify=Check("{base}/models"),
    models=(
        Model("small", "Small", 1, 1),
        Model("a/b:c", "B", 9, 8, TEXT_IMAGE, Cost(1.0, 2.0, 0.5, 0.25), True, "cli", FrozenMap({"h": "v"}), False),
    ),
    model_aliases=FrozenMap({"s": "small"}),
    short_names=FrozenMap({"tiny": "small"}),
    seed_aliases=FrozenMap({"small": "S"}),
    default_model="acme/small",
    hidden_models=("acme/a/b:c",),
    picker_order=1,
    implicit_order=2,
    discovery=Discovery("openai", "{base}/models", 2.5, 60, True, 4_096, 512),
    token_exchange=TokenExchange("https://acme.test/token", 10),
    legacy=(
        LegacyProfile("model-ref", "acme/old", "acme/small", ("config", "load")),
        LegacyProfile("external-sync", "acme:cli", source="~/.acme/auth.json", fresh_s=900),
    ),
    advisories=(Advisory("notice", "Note", "Read this.", "before-login", "https://acme.test"),),
    tags=RuntimeTags(
        "acme", True, True, ("small",), ("a*",), True, True, "acme", True, True, True, "Acme", 5, ("*",), ("q",)
    ),
)

BASES: dict[type[Part], dict[str, Any]] = {
    Cost: {},
    Model: {"id": "m", "name": "M", "context_window": 8, "max_tokens": 4},
    EnvSet: {"all_of": ["A"]},
    EnvVars: {},
    ApiKey: {"prompt": "Key"},
    OAuth: {"hosts": ["auth.acme.test"]},
    Check: {"url": "{base}/models"},
    AuthMethod: KEY_METHOD.to_dict(),
    Discovery: {"kind": "openai"},
    TokenExchange: {"url": "https://acme.test/token"},
    LegacyProfile: {"rule": "remove", "subject": "acme:old"},
    Advisory: {"id": "n", "title": "T", "text": "X", "when": "doctor"},
    Provider: {"id": "acme", "label": "Acme"},
}

URL = "must be an http or https URL"
NO_ID = "must be an id (a-z, 0-9, . - _)"
NO_CHOICE = "must be 1 to 64 letters, digits, . - _ and start with a letter or digit"
NO_NAME = "is not an id: 1 to 64 of a-z 0-9 . - _ with a letter or digit at both ends"
NO_VARIABLE = "is not a variable name (A-Z, 0-9, _)"
NO_REF = "must be a model of this provider: its id, a slash, then the model"
ONE, ZERO = "must be at least 1", "must be zero or more"
MODEL = {"id": "m", "name": "M", "context_window": 1, "max_tokens": 1}
METHOD = KEY_METHOD.to_dict()
ADVISORY = {"id": "n", "title": "T", "text": "X", "when": "doctor"}

# part, what is wrong in it, path of the fault, message
RULES: tuple[tuple[type[Part], dict[str, Any], tuple[str, ...], str], ...] = (
    *((Cost, {name: -0.01}, (name,), ZERO) for name in field_names(Cost)),
    *((Cost, {name: float(value)}, (name,), ZERO) for name in field_names(Cost) for value in ("nan", "inf", "-inf")),
    (Model, {"context_window": 0}, ("context_window",), ONE),
    (Model, {"context_window": -1}, ("context_window",), ONE),
    (Model, {"max_tokens": 0}, ("max_tokens",), ONE),
    (Model, {"id": " m"}, ("id",), "must be printable, without white space around it"),
    (Model, {"id": "m\n"}, ("id",), "must be printable, without white space around it"),
    (Model, {"id": "a\x00b"}, ("id",), "must be printable, without white space around it"),
    (Model, {"id": "a\u200bb"}, ("id",), "must be printable, without white space around it"),
    (Model, {"input": []}, ("input",), "must name at least one kind of input"),
    (Model, {"input": ["smell"]}, ("input", "[0]"), "must be one of text, image, audio, video, not text"),
    (EnvSet, {"all_of": []}, ("all_of",), "must name at least one variable"),
    (EnvSet, {"all_of": [], "file_variable": "A"}, ("all_of",), "must name at least one variable"),
    *(
        (EnvVars, {"any_of": ["OK", name]}, ("any_of", "[1]"), NO_VARIABLE)
        for name in ("a", "1A", "A-B", "A B", "A=", "\u00c4")
    ),
    (EnvVars, {"settings": ["a"]}, ("settings", "[0]"), NO_VARIABLE),
    (EnvVars, {"usage": ["a"]}, ("usage", "[0]"), NO_VARIABLE),
    (EnvVars, {"cleared": ["a"]}, ("cleared", "[0]"), NO_VARIABLE),
    (EnvVars, {"any_of": ["A", "A"]}, ("any_of",), "names a variable twice"),
    (EnvVars, {"any_of": ["A"], "login_shell": ["A", "A"]}, ("login_shell",), "names a variable twice"),
    (EnvVars, {"any_of": ["A"], "login_shell": ["A", "B"]}, ("login_shell", "[1]"), "must also stand in any_of"),
    (EnvVars, {"sets": [{"any_of": ["A"]}, {"all_of": ["B", "b"]}]}, ("sets", "[1]", "[1]"), NO_VARIABLE),
    (EnvVars, {"sets": [{"all_of": ["A"], "file_variable": "f"}]}, ("sets", "[0]", "[1]"), NO_VARIABLE),
    (EnvVars, {"sets": [{"all_of": ["A"], "any_of": ["A"]}]}, ("sets", "[0]"), "names a variable twice"),
    *(
        (ApiKey, {"flags": ["--ok", flag]}, ("flags", "[1]"), "is not a flag such as --acme-api-key")
        for flag in ("-k", "key", "--", "--Key", "--a--b", "--a-", "--a b", "--a=b")
    ),
    (ApiKey, {"min_length": 0}, ("min_length",), ONE),
    (ApiKey, {"url": "acme.test/keys"}, ("url",), URL),
    *(
        (OAuth, {name: "acme.test"}, (name,), URL)
        for name in ("authorize_url", "token_url", "device_code_url", "userinfo_url", "redirect_uri", "refresh_url")
    ),
    (OAuth, {"hosts": []}, ("hosts",), "must name the hosts the flow talks to"),
    (OAuth, {"timeout_s": 0}, ("timeout_s",), ONE),
    (OAuth, {"expiry_margin_s": -1}, ("expiry_margin_s",), ZERO),
    (OAuth, {"needs_account": True}, ("account_claim",), "must say where the account's id stands"),
    (Check, {"url": "/models"}, ("url",), "must start with {base}, {origin} or https://"),
    (Check, {"url": "ftp://acme.test"}, ("url",), "must start with {base}, {origin} or https://"),
    (Check, {"url": "{region}/models"}, ("url",), "must start with {base}, {origin} or https://"),
    *((AuthMethod, {"id": name}, ("id",), NO_ID) for name in ("Key", "a b", ".a", "a" * 65)),
    *(
        (AuthMethod, {"choice": name}, ("choice",), NO_CHOICE)
        for name in ("-a", "a b", "a:b", "a" * 65, "a\n", "\u00e9")
    ),
    (AuthMethod, {"legacy_choices": ["ok", "not ok"]}, ("legacy_choices", "[1]"), NO_CHOICE),
    (AuthMethod, {"key": None}, ("key",), "a method of kind api_key says how its key is asked for"),
    (AuthMethod, {"kind": "token", "key": None}, ("key",), "a method of kind token says how its key is asked for"),
    *(
        (
            AuthMethod,
            {"kind": kind},
            ("oauth",),
            f"a method of kind {kind} says how its flow works, or which plugin supplies it",
        )
        for kind in ("oauth", "device_code")
    ),
    (AuthMethod, {"profile": None}, ("profile",), "a method that yields a credential names its profile"),
    (
        AuthMethod,
        {"kind": "custom", "profile": None},
        ("profile",),
        "a method that yields a credential names its profile",
    ),
    *(
        (AuthMethod, {"profile": name}, ("profile",), "must look like provider:name or provider:{email}")
        for name in ("acme", "acme:", ":a", "acme:a b", "acme:{Email}", "acme:{a}b", "acme:x{y}", "acme:{}")
    ),
    *(
        (Discovery, {"timeout_s": float(value)}, ("timeout_s",), "must be more than zero")
        for value in ("0", "-1", "nan", "inf")
    ),
    (Discovery, {"refresh_s": 0}, ("refresh_s",), ONE),
    (Discovery, {"context_window": 0}, ("context_window",), ONE),
    (Discovery, {"max_tokens": 0}, ("max_tokens",), ONE),
    (TokenExchange, {"url": "token"}, ("url",), URL),
    (TokenExchange, {"margin_s": -1}, ("margin_s",), ZERO),
    (LegacyProfile, {"rule": "migrate-mode"}, ("to",), "the rule migrate-mode says what it turns into"),
    (LegacyProfile, {"rule": "model-ref"}, ("to",), "the rule model-ref says what it turns into"),
    (LegacyProfile, {"rule": "external-sync"}, ("source",), "the rule external-sync names its file"),
    (Advisory, {"id": "Not Ok"}, ("id",), NO_ID),
    (Advisory, {"url": "acme"}, ("url",), URL),
    *(
        (Provider, {"id": name}, ("id",), NO_NAME)
        for name in ("Acme", "a b", "-a", "a/b", "a:b", "\u0430cme", "x" * 65)
    ),
    (Provider, {"aliases": ["ok", "Not"]}, ("aliases", "[1]"), NO_NAME),
    (Provider, {"aliases": ["acme"]}, ("aliases",), "repeats a name"),
    (Provider, {"aliases": ["a", "a"]}, ("aliases",), "repeats a name"),
    (Provider, {"models": [MODEL, MODEL | {"id": "k"}, MODEL]}, ("models", "[2]", "id"), "repeats the id of models[0]"),
    (Provider, {"auth": [METHOD, METHOD | {"choice": "other"}]}, ("auth", "[1]", "id"), "repeats the id of auth[0]"),
    (Provider, {"auth": [METHOD, METHOD | {"id": "two"}]}, ("auth",), "two methods have the same choice"),
    (
        Provider,
        {"auth": [METHOD, METHOD | {"id": "two", "choice": "two", "legacy_choices": ["acme-key"]}]},
        ("auth",),
        "two methods have the same choice",
    ),
    (Provider, {"advisories": [ADVISORY, ADVISORY]}, ("advisories", "[1]", "id"), "repeats the id of advisories[0]"),
    *(
        (Provider, {"default_model": ref}, ("default_model",), NO_REF)
        for ref in ("m", "other/m", "acme", "acme/", "Acme/m")
    ),
    (Provider, {"hidden_models": ["acme/a", "zai/b"]}, ("hidden_models",), NO_REF),
    (
        Provider,
        {"auth": [METHOD | {"profile": "other:default"}]},
        ("auth", "[0]", "profile"),
        "must start with the provider's id and a colon",
    ),
    (Provider, {"auth": [METHOD | {"default_model": "other/m"}]}, ("auth", "[0]", "default_model"), NO_REF),
    (
        Provider,
        {"auth": [METHOD | {"allowed_models": ["acme/m", "other/m"]}]},
        ("auth", "[0]", "allowed_models"),
        NO_REF,
    ),
    *(
        (Provider, {"base_url": url}, ("base_url",), URL)
        for url in (
            "acme.test",
            "ftp://acme.test",
            "https://",
            "https:///v1",
            "https://user@acme.test",
            "https://acme.test/a b",
            "https://acme.test?x",
            "https://acme.test#x",
            "https://acme.test\\@evil.test",
            " https://acme.test",
            "https://acme.test\n",
            "HTTPS://acme.test",
        )
    ),
)


def told(error: BlockError) -> list[tuple[tuple[str, ...], str]]:
    assert error.code == "block.invalid"
    return [(each.path, each.message) for each in error.diagnostics]


@pytest.mark.parametrize(("cls", "wrong", "path", "message"), RULES)
def test_a_broken_rule_names_its_field(
    cls: type[Part], wrong: dict[str, Any], path: tuple[str, ...], message: str
) -> None:
    cls.from_dict(BASES[cls])
    with pytest.raises(BlockError) as caught:
        cls.from_dict(BASES[cls] | wrong)
    assert told(caught.value) == [(path, message)]


def test_every_rule_in_the_source_has_a_case() -> None:
    written = re.findall(r'(?:fault\(|message = )\s*f?"([^"]+)"', getsource(block))
    patterns = [re.escape(text).replace(r"\ ", " ") for text in written]
    patterns = [re.sub(r"\\\{[^{}]*\\\}", ".*", text) for text in patterns]
    messages = {message for _, _, _, message in RULES}
    assert len(patterns) >= 25
    assert [text for text in patterns if not any(re.fullmatch(text, each) for each in messages)] == []


def test_every_part_with_rules_has_cases() -> None:
    parts = [
        each for each in vars(block).values() if isinstance(each, type) and issubclass(each, Part) and each is not Part
    ]
    with_rules = {each for each in parts if "check" in vars(each)}
    assert {cls for cls, _, _, _ in RULES} == with_rules


def test_faults_of_inner_parts_are_told_by_their_path_in_the_block() -> None:
    data = {
        "id": "acme",
        "label": "Acme",
        "auth": [METHOD, METHOD | {"id": "two", "key": {"prompt": "Key", "flags": ["k"], "min_length": 0}}],
        "models": [MODEL | {"cost": {"input": -1.0}}],
        "env": {"any_of": ["a"]},
        "discovery": {"kind": "x", "refresh_s": -5},
    }
    with pytest.raises(BlockError) as caught:
        Provider.from_dict(data)
    assert sorted(told(caught.value)) == [
        (("auth", "[1]", "key", "flags", "[0]"), "is not a flag such as --acme-api-key"),
        (("auth", "[1]", "key", "min_length"), ONE),
        (("discovery", "refresh_s"), ONE),
        (("env", "any_of", "[0]"), NO_VARIABLE),
        (("models", "[0]", "cost", "input"), ZERO),
    ]


def test_faults_between_fields_are_all_told() -> None:
    with pytest.raises(BlockError) as caught:
        Provider("acme", "Acme", ("acme", "Bad"), base_url="acme", default_model="x", hidden_models=("y",))
    assert told(caught.value) == [
        (("aliases", "[1]"), NO_NAME),
        (("aliases",), "repeats a name"),
        (("base_url",), URL),
        (("default_model",), NO_REF),
        (("hidden_models",), NO_REF),
    ]
    assert caught.value.message.startswith("Provider 'acme' is wrong: aliases[1]: is not an id")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Acme", "Write it in lower case, without white space around it."),
        (" acme ", "Write it in lower case, without white space around it."),
        ("a b", None),
        ("\u212acme", None),
    ],
)
def test_a_name_that_only_needs_lower_case_says_so(name: str, hint: str | None) -> None:
    with pytest.raises(BlockError) as caught:
        Provider(name, "Acme")
    assert [each.hint for each in caught.value.diagnostics] == [hint]


# --- what is right


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.test",
        "http://127.0.0.1:8080/v1",
        "https://{location}-acme.test/v1/{region}",
        "https://acme.test/a?b=c#d",
        "http://[::1]:11434",
    ],
)
def test_http_urls_with_places_to_fill_in_are_right(url: str) -> None:
    assert Provider("acme", "Acme", base_url=url).base_url == url


@pytest.mark.parametrize("url", ["{base}/models", "{origin}/me", "https://acme.test/x", "http://127.0.0.1/x"])
def test_a_check_may_start_from_the_base_the_origin_or_anywhere(url: str) -> None:
    assert Check(url).url == url


@pytest.mark.parametrize("kind", ["oauth", "device_code", "custom"])
def test_a_method_of_a_plugin_needs_neither_flow_nor_profile(kind: Any) -> None:
    method = AuthMethod("login", "acme-login", kind, "Login", "plugin", supplied_by="acme-auth")
    assert (method.oauth, method.profile) == (None, None)


def test_a_method_without_a_credential_needs_no_profile() -> None:
    assert AuthMethod("open", "acme-open", "none", "Open", "none").profile is None


def test_a_set_of_variables_lists_them_in_order() -> None:
    assert EnvSet(("A", "B"), ("C",), "F", "~/f").names == ("A", "B", "C", "F")
    assert EnvSet((), ("C",), None, "~/f").names == ("C",)


@pytest.mark.parametrize(
    ("name", "found"),
    [("small", "small"), ("s", "small"), ("a/b:c", "a/b:c"), ("Small", None), ("", None), ("tiny", None)],
)
def test_a_model_is_found_by_its_id_or_alias_as_its_vendor_spells_it(name: str, found: str | None) -> None:
    model = FULL.model(name)
    assert (model.id if model else None) == found


def test_defaults_are_what_an_ordinary_provider_needs() -> None:
    plain = Provider("acme", "Acme")
    assert (plain.auth_mode, plain.local, plain.env, plain.tags) == ("api-key", False, EnvVars(), RuntimeTags())
    assert Model("m", "M", 1, 1).input is TEXT
    assert Check("{base}/x").refused == (401, 403)
    assert (OAUTH.timeout_s, OAUTH.expiry_margin_s) == (300, 300)


def test_the_full_example_leaves_no_field_at_its_default() -> None:
    same = [name for name in field_names(Provider) if getattr(FULL, name) == getattr(Provider("other", "Other"), name)]
    assert same == []


# --- there and back


@pytest.mark.parametrize("provider", [*CORE, FULL, Provider("acme", "Acme")], ids=lambda each: each.id)
def test_a_block_comes_back_from_json_pickle_and_copies(provider: Provider) -> None:
    written = json.dumps(provider.to_dict())
    back = Provider.from_dict(json.loads(written))
    assert back == provider
    assert hash(back) == hash(provider)
    assert json.dumps(back.to_dict()) == written
    for other in (pickle.loads(pickle.dumps(provider)), copy.copy(provider), copy.deepcopy(provider)):
        assert other == provider


def test_to_dict_has_every_field_of_every_part() -> None:
    shape = FULL.to_dict()
    assert tuple(shape) == field_names(Provider)
    assert tuple(shape["auth"][0]) == field_names(AuthMethod)
    assert tuple(shape["auth"][0]["key"]) == field_names(ApiKey)
    assert tuple(shape["auth"][1]["oauth"]) == field_names(OAuth)
    assert tuple(shape["models"][1]["cost"]) == field_names(Cost)
    assert tuple(shape["tags"]) == field_names(RuntimeTags)


def test_core_blocks_speak_only_known_wire_formats() -> None:
    styles = set(get_args(block.ApiStyle))
    used = {
        style for each in CORE for style in (*each.api_rules.values(), *(model.api for model in each.models)) if style
    }
    assert used <= styles


# --- secrets and hostile input


def texts_in(cls: type[Part], data: dict[str, Any]) -> list[dict[str, Any]]:
    """Return `data` with the secret put in place of each field, and in a list in each field."""
    return [data | {name: value} for name in field_names(cls) for value in (SECRET, [SECRET], {SECRET: SECRET})]


@pytest.mark.parametrize("cls", BASES, ids=lambda cls: cls.__name__)
def test_a_key_in_the_wrong_field_is_never_repeated(cls: type[Part]) -> None:
    told: list[str] = []
    for data in texts_in(cls, BASES[cls]):
        try:
            cls.from_dict(data)
        except BlockError as error:
            told.append(str(error) + json.dumps(error.to_dict()))
    assert len(told) > len(field_names(cls))
    assert [text for text in told if SECRET in text] == []


@pytest.mark.parametrize("spelling", [SECRET, SECRET.upper(), f" {SECRET}", f"{SECRET} x"])
def test_a_key_in_place_of_a_name_is_not_repeated_by_the_constructor(spelling: str) -> None:
    makers: list[Any] = [
        lambda: Provider(spelling, "Acme", base_url="wrong"),
        lambda: Provider("acme", "Acme", (spelling, "Wrong")),
        lambda: Provider("acme", "Acme", default_model=spelling),
        lambda: Provider("acme", "Acme", models=(Model(spelling.strip(), "M", 1, 1),) * 2),
        lambda: Model(spelling, "M", 0, 1),
        lambda: EnvVars((spelling, spelling), login_shell=(spelling, "other")),
        lambda: ApiKey("Key", (spelling,)),
        lambda: replace(KEY_METHOD, choice=spelling + ":"),
        lambda: replace(KEY_METHOD, profile=spelling),
        lambda: Advisory(spelling, "T", "X", "doctor", "wrong"),
    ]
    for make in makers:
        with pytest.raises(BlockError) as caught:
            make()
        assert SECRET.lower() not in json.dumps(caught.value.to_dict()).lower()


def test_ten_thousand_models_are_checked_quickly() -> None:
    models = [MODEL | {"id": f"m{place}"} for place in range(5_000)]
    started = time.process_time()
    with pytest.raises(BlockError) as caught:
        Provider.from_dict({"id": "acme", "label": "Acme", "models": [*models, *models]})
    assert time.process_time() - started < 5
    assert len(caught.value.diagnostics) == 5_000
    assert caught.value.diagnostics[-1].path == ("models", "[9999]", "id")
    assert len(caught.value.message) < 1_000


@pytest.mark.parametrize("field", field_names(Provider))
def test_a_value_that_holds_itself_ends_in_a_block_error(field: str) -> None:
    loop: list[Any] = []
    loop.append(loop)
    circle: dict[str, Any] = {"id": "acme", "label": "Acme"}
    circle[field] = circle
    for data in ({"id": "acme", "label": "Acme", field: loop}, circle):
        with pytest.raises(BlockError) as caught:
            Provider.from_dict(data)
        assert {each.path[0] for each in caught.value.diagnostics} == {field}
