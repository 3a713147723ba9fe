"""Laws of planning and applying a config patch, and of the steps that it takes."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fuzz.guard import ACME, SECRET, escapes, make_registry
from jackfield.config.guard.hostile import find_hostile
from jackfield.config.guard.intake import MAX_STRING, RefusedError, take_in
from jackfield.config.plan import PatchPlan, plan_patch
from jackfield.config.values import canonical, identical, same_outside

REGISTRY = make_registry()
CONSENTS = ("overwrite", "origin-change", "private-http", "mode-replace", "allow-list", "other-spelling", "include")

SMALL = st.sampled_from(["a", "b", "Rocket", "cli", "openai-completions", "n/a", "merge", "x y", "1", ""])
SCALARS = st.one_of(st.booleans(), st.integers(-1, 9000), st.sampled_from([0.5, 2.0]), SMALL)
JUNK = st.recursive(
    SCALARS | st.none() | st.sampled_from(["${HOME}", "$(id)", "https://evil.test", SECRET]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "id", "__proto__", "mode", "apiKey", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)
MODELS = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from(["a", "b", "c"])},
        optional={"name": SMALL, "contextWindow": st.integers(1, 5), "reasoning": st.booleans()},
    ),
    max_size=4,
)
URLS = st.sampled_from(["https://api.acme.test/v1", "https://api.acme.test/v2", "https://evil.test", "http://10.0.0.1"])
HEADERS = st.dictionaries(st.sampled_from(["X-A", "X-B", "x-a"]), SMALL, max_size=2)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "baseUrl": URLS,
    "apiKey": st.sampled_from(["n/a", "${ACME_API_KEY}", SECRET]),
    "api": st.sampled_from(["cli", "openai-completions"]),
    "headers": HEADERS,
    "authHeader": st.booleans(),
    "models": MODELS,
}
ENTRY = st.fixed_dictionaries({}, optional={"alias": SMALL, "params": st.dictionaries(SMALL, SCALARS, max_size=2)})
REFS = st.sampled_from(["acme/a", "acme/b", "beta/b", "acme-ai/a"])


def configs(names: list[str], junk: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Draw configs, or patches, of the shape that both have; `junk` stands where it fits and where it does not."""
    entry = st.fixed_dictionaries({}, optional=FIELDS | {"extra": junk})
    providers = st.dictionaries(st.sampled_from(names), entry, max_size=2)
    models = st.fixed_dictionaries(
        {}, optional={"mode": st.sampled_from(["merge", "replace"]), "providers": providers, "other": junk}
    )
    listed = st.dictionaries(REFS, ENTRY, max_size=3)
    defaults = st.fixed_dictionaries({}, optional={"models": listed, "workspace": junk})
    agents = st.fixed_dictionaries({}, optional={"defaults": defaults})
    return st.fixed_dictionaries({}, optional={"models": models, "agents": agents, "tools": junk})


CURRENT = configs(["acme", "beta", "acme-ai"], JUNK)
PATCH = configs(["acme", "acme", "beta"], SCALARS)
WILD = configs(["acme", "beta", "ACME", "acme-ai"], JUNK) | JUNK
ACCEPTED = st.sets(st.sampled_from(CONSENTS))


def plan(current: Any, patch: Any) -> PatchPlan:
    return plan_patch(current, patch, provider_id="acme", owner=ACME, registry=REGISTRY)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


@given(CURRENT, PATCH, ACCEPTED)
def test_apply_then_undo_is_the_identity(current: Any, patch: Any, accepted: set[str]) -> None:
    made = plan(current, patch)
    after = made.apply(current, accepted)
    for path, _ in made.granted(accepted):
        if any(_has(after, path[:depth]) and not _has(current, path[:depth]) for depth in range(1, len(path) + 1)):
            _remove_new(after, current, path)
        elif _has(after, path):
            _at(after, path[:-1])[path[-1]] = copy.deepcopy(_at(current, path))
    assert after == current


def told_by(made: PatchPlan) -> list[dict[str, object]]:
    return [*(each.to_dict() for each in made.diagnostics), *(each.to_dict() for each in made.consents)]


def _has(value: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def _remove_new(after: Any, before: Any, path: tuple[str, ...]) -> None:
    """Remove the outermost step of `path` that was not there before."""
    for depth in range(1, len(path) + 1):
        if not _has(before, path[:depth]):
            _at(after, path[: depth - 1]).pop(path[depth - 1], None)
            return


@given(CURRENT, PATCH, ACCEPTED)
def test_applying_twice_is_applying_once(current: Any, patch: Any, accepted: set[str]) -> None:
    made = plan(current, patch)
    once = made.apply(current, accepted)
    assert made.apply(once, accepted) == once


@given(CURRENT, PATCH)
def test_a_patch_that_was_applied_with_every_consent_has_nothing_left_to_do(current: Any, patch: Any) -> None:
    made = plan(current, patch)
    after = made.apply(current, CONSENTS)
    assert plan(after, patch).granted(CONSENTS) == []


@given(CURRENT, WILD, ACCEPTED)
def test_nothing_outside_the_allowed_paths_changes(current: Any, patch: Any, accepted: set[str]) -> None:
    made = plan(current, patch)
    assert escapes(current, made.apply(current, accepted), consents=bool(accepted)) == []
    assert not (made.refused and made.changes)


@given(CURRENT, WILD)
def test_without_a_consent_no_leaf_set_by_hand_is_replaced(current: Any, patch: Any) -> None:
    after = plan(current, patch).apply(current)
    assert _is_kept(current, after)


def _is_kept(before: Any, after: Any) -> bool:
    """Tell whether everything in `before` is in `after`; lists of models may have grown, their models too."""
    if isinstance(before, dict):
        return isinstance(after, dict) and all(key in after and _is_kept(before[key], after[key]) for key in before)
    if isinstance(before, list):
        kept = after[: len(before)] if isinstance(after, list) else []
        return len(kept) == len(before) and all(map(_is_kept, before, kept))
    return type(before) is type(after) and bool(before == after)


@given(CURRENT, WILD, st.randoms(use_true_random=False))
def test_a_plan_does_not_depend_on_the_order_of_keys(current: Any, patch: Any, random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            keys = list(value)
            random.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    one, other = plan(current, patch), plan(shuffled(current), shuffled(patch))
    assert one.refused == other.refused
    assert sorted(one.changes, key=repr_of) == sorted(other.changes, key=repr_of)
    assert sorted(map(str, one.diagnostics)) == sorted(map(str, other.diagnostics))
    assert set(one.consents) == set(other.consents)
    assert [each.key for each in one.secrets] == [each.key for each in other.secrets]


def repr_of(change: tuple[tuple[str, ...], object]) -> str:
    return json.dumps([change[0], change[1]], sort_keys=True)


@given(CURRENT, WILD, ACCEPTED)
def test_the_inputs_are_never_changed(current: Any, patch: Any, accepted: set[str]) -> None:
    kept = copy.deepcopy((current, patch))
    plan(current, patch).apply(current, accepted)
    assert repr((current, patch)) == repr(kept)


@given(CURRENT, PATCH)
def test_a_patch_as_text_and_as_values_is_the_same_patch(current: Any, patch: Any) -> None:
    one, other = plan(current, patch), plan(current, json.dumps(patch))
    assert (one.changes, one.diagnostics, one.consents) == (other.changes, other.diagnostics, other.consents)


@given(CURRENT, WILD)
def test_no_diagnostic_tells_a_secret(current: Any, patch: Any) -> None:
    made = plan(current, patch)
    assert SECRET not in "".join(str(each) for each in told_by(made)) + repr(made)


def values(scalars: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """Draw JSON values of some depth."""
    return st.recursive(
        scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=10
    )


TEXT = st.text(max_size=6)
SOUND = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT
SPLINTERS = st.sampled_from(["", "[", "]", "}", '"', "\\", ",", "e9", "9" * 16, "\\ud800", "NaN", "\x00"])


def outcome(text: str) -> object:
    """Return what a text is read as, or why it is refused, in a form that tells 1 from 1.0 and true."""
    try:
        return repr(take_in(text))
    except RefusedError as error:
        return error.refusal


@given(values(SOUND | st.integers() | st.floats(), TEXT), st.booleans(), SPLINTERS, st.integers(0, 80))
def test_a_short_text_is_read_like_one_that_is_looked_at_twice(value: Any, plain: bool, junk: str, at: int) -> None:
    text = json.dumps(value, ensure_ascii=plain)
    text = text[:at] + junk + text[at:]
    assert outcome(text) == outcome(text + " " * MAX_STRING)


@given(values(SOUND | st.floats(allow_nan=False, allow_infinity=False), TEXT), st.booleans())
def test_a_text_is_read_as_the_value_that_it_was_written_from(value: Any, plain: bool) -> None:
    assert outcome(json.dumps(value, ensure_ascii=plain)) == repr(value)


ODD = ["", "a", "9", "x-y", "a b", "__proto__", "prototype", "constructor", "__a__", "_a_", "$a", "a$", "a\n", "\u200b"]
ODD += ["!a", "a!", " Env:a", "env", "file:", "op://a", "profile:a", "https://a", "$(a)", "a ${B}", "$ (", "\u0441"]
INDIRECT = re.compile(r"\$[({]|^\s*(?:!|env:|file:|op:|profile:)", re.IGNORECASE)
RESERVED = re.compile(r"__.*__|prototype|constructor|\$.*|", re.DOTALL)


def is_hostile(value: Any) -> bool:
    """Tell by other means than the guard's whether a value is to be refused (G7, G8, G9)."""
    if isinstance(value, dict):
        bad = any(RESERVED.fullmatch(key) or not key.isprintable() or INDIRECT.search(key) for key in value)
        return bad or any(map(is_hostile, value.values()))
    if isinstance(value, list):
        return any(map(is_hostile, value))
    return value is None or (isinstance(value, str) and INDIRECT.search(value) is not None)


@given(values(st.sampled_from([*ODD, 0, 0.5, True]) | st.just(None), st.sampled_from(ODD)).map(lambda value: [value]))
def test_what_is_refused_is_exactly_what_is_hostile(value: list[object]) -> None:
    assert bool(find_hostile(value, None)) == is_hostile(value)


FEW = values(st.sampled_from([0, 0.0, -0.0, False, None, ""]), st.sampled_from(["a", "b"]))
TREES = st.recursive(
    st.none(), lambda inner: st.dictionaries(st.sampled_from(["a", "b"]), inner, min_size=1), max_leaves=4
)


@given(FEW, FEW)
def test_values_are_identical_when_their_texts_are(one: Any, other: Any) -> None:
    assert identical(one, other) == (canonical(one) == canonical(other))
    assert identical(one, copy.deepcopy(one))


def without(value: dict[str, Any], tree: dict[str, Any]) -> dict[str, Any]:
    """Return a value without the ends of a tree, and without objects on the way there that are empty then."""
    kept: dict[str, Any] = {}
    for key, item in value.items():
        inner = tree.get(key, {})
        left = without(item, inner) if isinstance(item, dict) and isinstance(inner, dict) else item
        if inner is not None and (left != {} or key not in tree):
            kept[key] = left
    return kept


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), FEW),
    st.dictionaries(st.sampled_from(["a", "b", "c"]), FEW),
    TREES,
)
def test_values_are_the_same_outside_a_tree_when_what_is_left_of_them_is(one: Any, other: Any, tree: Any) -> None:
    tree = tree or {}
    expected = canonical(without(one, tree)) == canonical(without(other, tree))
    assert same_outside(one, other, tree) == expected
