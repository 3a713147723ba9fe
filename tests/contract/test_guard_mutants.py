"""A slice of the guard's mutants: a check removed makes a test fail. `tests/mutation/guard.py` tries them all."""

from __future__ import annotations

from random import Random

import pytest

from mutation.guard import EQUIVALENT, MODULES, Mutant, is_noticed, mutants, run

EVERY = [each for module in MODULES for each in mutants(module)]


def test_every_module_with_a_rule_has_mutants() -> None:
    assert {each.module for each in EVERY} == set(MODULES)
    assert len(EVERY) >= 250


def test_every_equivalent_mutant_exists_and_has_its_reason() -> None:
    assert set(EQUIVALENT) <= {each.key for each in EVERY}
    assert all(len(reason) > 20 for reason in EQUIVALENT.values())


def test_the_guard_as_it_is_passes_its_tests() -> None:
    assert not is_noticed(None)


@pytest.mark.slow
def test_a_sample_of_mutants_is_noticed() -> None:
    chosen: list[Mutant] = Random(11).sample(EVERY, 40)
    assert [str(each) for each in run(chosen)] == []
