"""Laws of planning and applying a config patch."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.guard import ACME, SECRET, escapes, make_registry
from jackfield.config.plan import PatchPlan, plan_patch

REGISTRY = make_registry()
CONSENTS = ("overwrite", "origin-change", "private-http", "mode-replace", "allow-list", "other-spelling", "include")

laws = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])

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


@laws
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


@laws
@given(CURRENT, PATCH, ACCEPTED)
def test_applying_twice_is_applying_once(current: Any, patch: Any, accepted: set[str]) -> None:
    made = plan(current, patch)
    once = made.apply(current, accepted)
    assert made.apply(once, accepted) == once


@laws
@given(CURRENT, PATCH)
def test_a_patch_that_was_applied_with_every_consent_has_nothing_left_to_do(current: Any, patch: Any) -> None:
    made = plan(current, patch)
    after = made.apply(current, CONSENTS)
    assert plan(after, patch).granted(CONSENTS) == []


@laws
@given(CURRENT, WILD, ACCEPTED)
def test_nothing_outside_the_allowed_paths_changes(current: Any, patch: Any, accepted: set[str]) -> None:
    made = plan(current, patch)
    assert escapes(current, made.apply(current, accepted), consents=bool(accepted)) == []
    assert not (made.refused and made.changes)


@laws
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


@laws
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


@laws
@given(CURRENT, WILD, ACCEPTED)
def test_the_inputs_are_never_changed(current: Any, patch: Any, accepted: set[str]) -> None:
    kept = copy.deepcopy((current, patch))
    plan(current, patch).apply(current, accepted)
    assert repr((current, patch)) == repr(kept)


@laws
@given(CURRENT, PATCH)
def test_a_patch_as_text_and_as_values_is_the_same_patch(current: Any, patch: Any) -> None:
    one, other = plan(current, patch), plan(current, json.dumps(patch))
    assert (one.changes, one.diagnostics, one.consents) == (other.changes, other.diagnostics, other.consents)


@laws
@given(CURRENT, WILD)
def test_no_diagnostic_tells_a_secret(current: Any, patch: Any) -> None:
    made = plan(current, patch)
    assert SECRET not in "".join(str(each) for each in told_by(made)) + repr(made)
