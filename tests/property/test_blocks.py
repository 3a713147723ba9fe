from __future__ import annotations

import json
import pickle
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jackfield.errors import BlockError
from jackfield.ids import ID_PATTERN
from jackfield.providers.block import (
    Advisory,
    ApiKey,
    ApiStyle,
    AuthKind,
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
from jackfield.providers.registry import ProviderRegistry
from jackfield.records import field_names, replace

SECRET = "sk-live-9f8e7d6c5b4a39281706f5e4d3c2b1a0"
CORE = core_providers()

ids = st.from_regex(ID_PATTERN, fullmatch=True).filter(lambda text: len(text) <= 20)
texts = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() != "")
words = st.text("abcXYZ019.:/*-", min_size=1, max_size=12)
variables = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
urls = st.builds("https://{}/{}".format, ids, st.text("abc/{}?=", max_size=8))
maps = st.dictionaries(texts, texts, max_size=3).map(FrozenMap)
positive = st.integers(1, 10**7)
prices = st.floats(0, 1000, allow_nan=False)
styles = st.sampled_from(get_args(ApiStyle))


def few(each: st.SearchStrategy[Any], **limits: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(each, max_size=3, **limits).map(tuple)


def maybe(each: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | each


models = st.builds(
    Model,
    id=words,
    name=texts,
    context_window=positive,
    max_tokens=positive,
    input=st.lists(st.sampled_from(["text", "image", "audio", "video"]), min_size=1, unique=True).map(tuple),
    cost=st.builds(Cost, prices, prices, prices, prices),
    reasoning=st.booleans(),
    api=maybe(styles),
    headers=maps,
    developer_role=st.booleans(),
    privacy=maybe(st.sampled_from(["private", "anonymized"])),
)
sets = st.lists(variables, min_size=1, max_size=4, unique=True).map(lambda names: EnvSet((names[0],), tuple(names[1:])))
oauths = st.builds(OAuth, few(words, min_size=1), maybe(urls), maybe(urls), scopes=few(words), timeout_s=positive)
checks = st.builds(Check, urls, st.sampled_from(["bearer", "x-api-key", "none"]), maps, few(st.integers(100, 599)))
legacy = st.builds(
    LegacyProfile,
    rule=st.sampled_from(["repair-default-id", "remove", "migrate-mode", "model-ref", "external-sync"]),
    subject=words,
    to=words,
    source=words,
    fresh_s=maybe(positive),
)


@st.composite
def environments(draw: st.DrawFn) -> EnvVars:
    names = draw(st.lists(variables, max_size=4, unique=True))
    shell = draw(st.integers(0, len(names)))
    return EnvVars(tuple(names), draw(few(sets)), tuple(names[:shell]), settings=draw(few(variables, unique=True)))


@st.composite
def methods(draw: st.DrawFn, owner: str, place: int) -> AuthMethod:
    kind: AuthKind = draw(st.sampled_from(get_args(AuthKind)))
    return AuthMethod(
        id=f"m{place}",
        choice=f"{owner}-{place}",
        kind=kind,
        label=draw(texts),
        runner=draw(words),
        hint=draw(maybe(texts)),
        order=draw(maybe(st.integers())),
        hidden=draw(st.booleans()),
        legacy_choices=tuple(f"{owner}-{place}-{each}"[:60] for each in range(draw(st.integers(0, 2)))),
        key=ApiKey(draw(texts), ("--acme-key",), url=draw(maybe(urls))) if kind in {"api_key", "token"} else None,
        oauth=draw(oauths) if kind in {"oauth", "device_code"} else draw(maybe(oauths)),
        profile=f"{owner}:{draw(st.sampled_from(['default', '{email}', 'Ann@Example.org']))}",
        default_model=draw(maybe(words.map(lambda word: f"{owner}/{word}"))),
        allowed_models=draw(few(words.map(lambda word: f"{owner}/{word}"))),
        verify=draw(maybe(checks)),
    )


@st.composite
def blocks(draw: st.DrawFn) -> Provider:
    names = draw(st.lists(ids, min_size=1, max_size=4, unique=True))
    own = names[0]
    return Provider(
        id=own,
        label=draw(texts),
        aliases=tuple(names[1:]),
        docs_path=draw(maybe(texts)),
        base_url=draw(maybe(urls)),
        api=draw(maybe(styles)),
        api_rules=draw(maps),
        local=draw(st.booleans()),
        auth_mode=draw(st.sampled_from(["api-key", "aws-sdk", "adc"])),
        group=draw(maybe(st.builds(Group, ids, texts, texts, st.integers()))),
        auth=tuple(draw(methods(own, place)) for place in range(draw(st.integers(0, 3)))),
        env=draw(environments()),
        verify=draw(maybe(checks)),
        models=draw(few(models, unique_by=lambda model: model.id)),
        model_aliases=draw(maps),
        default_model=draw(maybe(words.map(lambda word: f"{own}/{word}"))),
        picker_order=draw(maybe(st.integers())),
        discovery=draw(maybe(st.builds(Discovery, words, maybe(urls), st.floats(0.1, 60)))),
        token_exchange=draw(maybe(st.builds(TokenExchange, urls, positive))),
        legacy=draw(few(legacy)),
        advisories=draw(few(st.builds(Advisory, ids, texts, texts, st.just("doctor")), unique_by=lambda each: each.id)),
        tags=draw(
            st.builds(RuntimeTags, maybe(texts), st.booleans(), usage_order=maybe(st.integers()), quirks=few(words))
        ),
    )


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.binary(max_size=4)
keys = st.sampled_from([*field_names(Provider), *field_names(AuthMethod)]) | st.text(max_size=6) | st.integers()
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
)
relaxed = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # large values


@given(blocks())
@relaxed
def test_a_block_comes_back_from_json_and_pickle(block: Provider) -> None:
    back = Provider.from_dict(json.loads(json.dumps(block.to_dict())))
    assert back == block
    assert hash(back) == hash(block)
    assert back.to_dict() == block.to_dict()
    assert pickle.loads(pickle.dumps(block)) == block


@given(blocks())
@relaxed
def test_a_block_without_its_defaults_is_the_same_block(block: Provider) -> None:
    plain = Provider("x", "x").to_dict()
    short = {name: value for name, value in block.to_dict().items() if value != plain[name] or name in {"id", "label"}}
    assert Provider.from_dict(short) == block


@given(blocks(), st.data())
@relaxed
def test_replacing_a_field_by_itself_changes_nothing(block: Provider, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(field_names(block)))
    assert replace(block, **{name: getattr(block, name)}) == block


@given(blocks())
@relaxed
def test_a_valid_block_registers_and_resolves_by_all_its_names(block: Provider) -> None:
    registry = ProviderRegistry()
    registry.register_provider(block)
    for name in (block.id, *block.aliases):
        assert registry.resolve_provider(f" {name.upper()} ") is block
    for model in block.models:
        assert registry.resolve_model(f"{block.id}/{model.id}")[0] is block


@given(junk)
@settings(max_examples=200, deadline=None)
def test_any_data_is_a_block_or_a_block_error(data: Any) -> None:
    try:
        made: Part | BlockError = Provider.from_dict(data)
    except BlockError as error:
        made = error
    if isinstance(made, BlockError):
        assert made.code == "block.invalid"
        assert made.diagnostics
        json.dumps(made.to_dict())
    else:
        assert Provider.from_dict(made.to_dict()) == made


@given(st.sampled_from(CORE), junk, st.data())
@settings(max_examples=200, deadline=None)
def test_junk_in_one_field_of_a_right_block_is_told_below_that_field(
    block: Provider, value: Any, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(field_names(Provider)))
    try:
        Provider.from_dict(block.to_dict() | {name: value})
        paths = set()
    except BlockError as error:
        paths = {each.path[0] for each in error.diagnostics}
    # Another id breaks the refs that start with the old one, another field may repeat a name: both are told there.
    allowed = {name} if name != "id" else {"id", "aliases", "auth", "default_model", "hidden_models"}
    assert paths <= allowed


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every value inside plain data."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [found for key, each in inner for found in ((*path, key), *places(each, (*path, key)))]


@given(st.sampled_from([block.to_dict() for block in CORE]), st.data())
@settings(max_examples=200, deadline=None)
def test_a_key_pasted_anywhere_into_a_core_block_is_never_repeated(shape: dict[str, Any], data: st.DataObject) -> None:
    changed = json.loads(json.dumps(shape))
    *outer, last = data.draw(st.sampled_from(places(changed)))
    target = changed
    for key in outer:
        target = target[key]
    target[last] = data.draw(st.sampled_from([SECRET, [SECRET], {SECRET: SECRET}, f" {SECRET} ", SECRET.upper()]))
    try:
        Provider.from_dict(changed)
        told = ""
    except BlockError as error:
        told = str(error) + json.dumps(error.to_dict())
    assert SECRET.lower() not in told.lower()
