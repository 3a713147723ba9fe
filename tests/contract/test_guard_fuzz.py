from __future__ import annotations

from typing import Any

import pytest

from fuzz.guard import run
from jackfield.config.guard.findings import Planned
from jackfield.config.plan import PatchPlan, plan_patch

COUNT = 20_000


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_no_mutated_patch_escapes_and_many_are_accepted_and_change_something(part: int) -> None:
    tally = run(COUNT // 4, seed=part)
    assert tally.escapes == []
    assert tally.cases == COUNT // 4
    assert tally.share_changed >= 0.2
    assert tally.refused > 0


def test_the_mutator_gives_the_same_cases_for_the_same_seed() -> None:
    one, other = run(200, seed=5), run(200, seed=5)
    assert (one.refused, one.changed) == (other.refused, other.changed)
    assert one.changed != run(200, seed=6).changed


def test_the_fuzz_finds_a_guard_that_lets_something_through() -> None:
    def leaky(current: Any, patch: Any, **options: Any) -> PatchPlan:
        made = plan_patch(current, patch, **options)
        tail = Planned(("models", "providers", "acme", "apiKey"), "${OPENAI_API_KEY}")
        return PatchPlan("acme", (*made.planned, tail)) if made.planned else made

    assert run(50, seed=1, plan=leaky).escapes != []
