"""What logins and logouts may do to a config file, whatever stands in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jackfield.config.document import Document
from jackfield.config.file import Change, LoadedConfig, apply_changes
from jackfield.config.host import forget_changes
from jackfield.config.plan import plan_login
from jackfield.config.settings import read_settings
from jackfield.config.shape import check_config
from jackfield.ids import canonical_id
from jackfield.providers.block import Provider
from jackfield.providers.parts import FrozenMap
from jackfield.providers.registry import ProviderRegistry
from jackfield.table import CORE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ACME = Provider(
    id="acme",
    label="Acme",
    aliases=("acme-ai", "a.c"),
    base_url="https://api.acme.test/v1",
    seed_aliases=FrozenMap({"one": "Acme"}),
)
NAMES = (ACME.id, *ACME.aliases)
REGISTRY = ProviderRegistry()
REGISTRY.register_provider(ACME, owner=CORE)
SECRETS: Mapping[str, dict[str, object]] = {
    "api_key": {"key": "sk-one"},
    "token": {"token": "tk-one"},
    "oauth": {"access": "at-one", "refresh": "rt-one", "expires": 1_800_000_000_000},
}

# Few names, so that the config and the login get in each other's way.
PROVIDER_KEYS = st.sampled_from(["acme", "ACME", "acme-ai", "A.C", "other", " other2 "])
PROFILE_IDS = st.sampled_from(["acme:default", "acme:work", "acme:me@example.test", "acme-ai:old", "other:default"])
REFS = st.sampled_from(["acme/one", "acme/deep/two", "other/x", "bare"])
EMAILS = st.sampled_from([None, "me@example.test", "you@example.test"])
MODES = st.sampled_from(["api_key", "oauth", "token"])
URLS = st.sampled_from(["https://api.acme.test/v1", "https://proxy.test", "http://127.0.0.1:8080/v1"])

FOREIGN = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def maybe(**parts: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=parts)


ENTRIES = maybe(baseUrl=URLS, apiKey=st.sampled_from(["${KEY}", "n/a"]), models=st.just([]), mine=FOREIGN)
MODEL = REFS | maybe(primary=REFS, fallbacks=st.lists(REFS, max_size=2), mine=FOREIGN)
ALLOWED = st.dictionaries(REFS, maybe(alias=st.sampled_from(["Acme", "mine"]), mine=FOREIGN), max_size=3)
PROFILES = st.dictionaries(
    PROFILE_IDS,
    st.fixed_dictionaries(
        {"provider": st.sampled_from(["acme", "acme-ai", "other"]), "mode": MODES},
        optional={"email": st.sampled_from(["me@example.test", "old@example.test"]), "mine": FOREIGN},
    ),
    max_size=3,
)
ORDERS = st.dictionaries(PROVIDER_KEYS, st.lists(PROFILE_IDS, max_size=3, unique=True), max_size=3)
CONFIGS = maybe(
    channels=FOREIGN,
    gateway=FOREIGN,
    models=maybe(
        mode=st.sampled_from(["merge", "replace"]), providers=st.dictionaries(PROVIDER_KEYS, ENTRIES, max_size=3)
    ),
    agents=maybe(list=FOREIGN, defaults=maybe(model=MODEL, models=ALLOWED, workspace=FOREIGN)),
    auth=maybe(profiles=PROFILES, order=ORDERS, cooldowns=FOREIGN),
)


def render(value: Any, marks: Iterable[int]) -> str:
    """Write a value as JSON5, each object in the style that its mark says."""
    left = iter(marks)

    def write(value: Any, depth: int) -> str:
        if not isinstance(value, dict) or not value:
            return json.dumps(value)
        mark = next(left, 0)
        pad, end = "\n" + "  " * (depth + 1), "\n" + "  " * depth
        members = [f"{json.dumps(key)}: {write(item, depth + 1)}" for key, item in value.items()]
        if mark == 0:
            return "{" + pad + ("," + pad).join(members) + "," + end + "}"
        if mark == 1:
            return "{" + pad + "// a note" + pad + (", // why" + pad).join(members) + end + "}"
        if mark == 2:
            return "{ " + ", ".join(members) + " }"
        return "{/**/" + ",/* , */".join(members) + "}"

    return write(value, 0)


@st.composite
def texts(draw: st.DrawFn) -> str:
    value = draw(CONFIGS)
    text = render(value, draw(st.lists(st.integers(0, 3), max_size=12)))
    assert Document.parse(text).value == value
    return text


def loaded(text: str) -> LoadedConfig:
    document = Document.parse(text)
    return LoadedConfig(Path("config.json5"), True, document, read_settings(document.value), ())


@st.composite
def logins(draw: st.DrawFn) -> Mapping[str, Any]:
    return {
        "profile_id": draw(st.sampled_from(["acme:default", "acme:work", "acme:new"])),
        "mode": draw(MODES),
        "email": draw(EMAILS),
        "base_url": draw(st.none() | URLS),
        "ref": draw(st.sampled_from([None, "acme/one", "acme/deep/two"])),
    }


def value_of(config: LoadedConfig) -> dict[str, object]:
    value = config.document.value
    assert isinstance(value, dict)
    return value


def login_changes(config: LoadedConfig, login: Mapping[str, Any]) -> list[Change]:
    """Return what the gate makes of a login: what it planned, with every consent given."""
    url, profile_id = login["base_url"], login["profile_id"]
    entry = config.settings.provider(NAMES)
    here = (entry.base_url if entry else None) or ACME.base_url
    patch = {"models": {"providers": {ACME.id: {"baseUrl": url, "models": []}}}}
    credential = {"type": login["mode"], "provider": ACME.id, **SECRETS[login["mode"]]}
    if login["email"] is not None:
        credential["email"] = login["email"]
    plan = plan_login(
        value_of(config),
        {
            "profiles": [{"profileId": profile_id, "credential": credential}],
            "configPatch": patch if url not in (None, here) else {},
            "defaultModel": login["ref"],
        },
        provider_id=ACME.id,
        owner="user",
        registry=REGISTRY,
        set_default=login["ref"] is not None,
        typed=(url,) if url else (),
    )
    assert not plan.refused, plan.diagnostics
    accepted = {each.code for each in plan.consents}
    return [Change(*each) for each in plan.patch.granted(accepted)]


def log_in(text: str, login: Mapping[str, Any]) -> str:
    config = loaded(text)
    return apply_changes(config.document, login_changes(config, login)).text


def log_out(text: str, profile_id: str) -> str:
    config = loaded(text)
    return apply_changes(config.document, logout_changes(config, profile_id)).text


def logout_changes(config: LoadedConfig, profile_id: str) -> list[Change]:
    return [Change(*each) for each in forget_changes(value_of(config), profile_id)]


def without(value: Any, path: tuple[str, ...]) -> Any:
    """Return `value` without what stands at `path`, and without the objects that are empty then."""
    if not isinstance(value, dict) or path[0] not in value:
        return value
    rest = {key: item for key, item in value.items() if key != path[0]}
    inner = without(value[path[0]], path[1:]) if len(path) > 1 else None
    return {**rest, path[0]: inner} if inner not in (None, {}) else rest


def pruned(value: Any) -> Any:
    """Return `value` without empty objects and lists at any depth: they say nothing."""
    if not isinstance(value, dict):
        return value
    inner = {key: pruned(item) for key, item in value.items()}
    return {key: item for key, item in inner.items() if item not in ({}, [])}


@settings(max_examples=150, deadline=None)
@given(texts(), logins())
def test_a_login_twice_is_a_login_once(text: str, login: Mapping[str, Any]) -> None:
    once = log_in(text, login)
    assert login_changes(loaded(once), login) == []
    assert log_in(once, login) == once


@settings(max_examples=150, deadline=None)
@given(texts(), logins())
def test_a_login_writes_what_the_settings_then_say(text: str, login: Mapping[str, Any]) -> None:
    found = loaded(log_in(text, login)).settings
    (profile,) = [each for each in found.profiles if each.id == login["profile_id"]]
    assert (profile.provider, profile.mode, profile.email) == ("acme", login["mode"], login["email"])
    order = found.order_of(NAMES)
    assert not order or order[0] == login["profile_id"]
    if login["base_url"] is not None:
        entry = found.provider(NAMES)
        assert ((entry.base_url if entry else None) or ACME.base_url) == login["base_url"]
    if login["ref"] is not None:
        assert found.default_model == login["ref"]
        allowed = [ref for ref, _ in found.model_entries]
        assert not allowed or login["ref"] in allowed


@settings(max_examples=150, deadline=None)
@given(texts(), logins())
def test_a_login_then_a_logout_leaves_auth_as_it_was(text: str, login: Mapping[str, Any]) -> None:
    before = Document.parse(log_out(text, login["profile_id"]))
    after = Document.parse(log_out(log_in(before.text, login), login["profile_id"]))
    old, new = (value.get("auth", {}) if isinstance(value := each.value, dict) else None for each in (before, after))
    assert pruned(new) == pruned(old)


@settings(max_examples=150, deadline=None)
@given(texts(), logins())
def test_nothing_outside_the_planned_paths_changes(text: str, login: Mapping[str, Any]) -> None:
    config = loaded(text)
    changes = login_changes(config, login)
    before, after = config.document.value, apply_changes(config.document, changes).value
    for change in changes:
        before, after = without(before, change.path), without(after, change.path)
    if changes:
        before, after = pruned(before), pruned(after)
    assert after == before


@settings(max_examples=150, deadline=None)
@given(texts(), logins())
def test_a_login_plans_only_what_a_login_may_touch(text: str, login: Mapping[str, Any]) -> None:
    for change in (*login_changes(loaded(text), login), *logout_changes(loaded(text), login["profile_id"])):
        path = change.path
        assert (
            path[:3] == ("auth", "profiles", login["profile_id"])
            or (path[:2] == ("auth", "order") and len(path) == 3)
            or (path[:2] == ("models", "providers") and canonical_id(path[2]) in NAMES)
            or path in {("agents", "defaults", "model"), ("agents", "defaults", "model", "primary")}
            or path == ("agents", "defaults", "models", login["ref"])
        )


@settings(max_examples=150, deadline=None)
@given(texts(), logins())
def test_a_valid_config_stays_valid(text: str, login: Mapping[str, Any]) -> None:
    def errors(text: str) -> list[object]:
        return [each for each in check_config(Document.parse(text).value) if each.severity == "error"]

    assume(not errors(text))
    assert errors(log_in(text, login)) == []
    assert errors(log_out(text, login["profile_id"])) == []


@settings(max_examples=150, deadline=None)
@given(texts(), logins(), st.text(alphabet="ab{}[]'\"\\/*,: \n\u2028é", max_size=12))
def test_foreign_text_is_untouched(text: str, login: Mapping[str, Any], noise: str) -> None:
    """What stands before and behind our part comes out byte for byte."""
    note = "/* " + noise.replace("*/", "").rstrip("*") + " */"
    head = f"{note}\n{{ zzz: {json.dumps(noise)}, {note} yyy : [1.50 , +1,0xF{note}] ,\n"
    whole = head + text.partition("{")[2]
    before = Document.parse(whole).value
    changed = log_in(whole, login)
    # When the first member of ours is put behind a lone comma, that comma and its line end are its own.
    assert changed.startswith(head.rstrip().removesuffix(","))
    after = Document.parse(changed).value
    for value in (before, after):
        assert isinstance(value, dict)
        assert (value["zzz"], value["yyy"]) == (noise, [1.5, 1, 15])
