from __future__ import annotations

import pytest

from jackfield.credentials.usage import HOUR, MINUTE, Usage, after_failure, after_use, is_reason

NOW = 1_800_000_000_000


def fail(times: int, reason: str, *, apart: int = 1) -> tuple[Usage, int]:
    usage, now = Usage(), NOW
    for _ in range(times):
        now += apart
        usage = after_failure(usage, reason, now)
    return usage, now


@pytest.mark.parametrize(("times", "minutes"), [(1, 1), (2, 5), (3, 25), (4, 60), (5, 60), (40, 60)])
def test_failures_in_a_row_rest_the_profile_longer_and_longer(times: int, minutes: int) -> None:
    usage, now = fail(times, "rate_limit")
    assert usage.cooldown_until == now + minutes * MINUTE
    assert usage.error_count == times
    assert usage.failure_counts == {"rate_limit": times}
    assert usage.last_failure == now
    assert usage.disabled_until is None


@pytest.mark.parametrize(("times", "hours"), [(1, 5), (2, 10), (3, 20), (4, 24), (5, 24), (500, 24)])
def test_billing_failures_disable_it_for_hours(times: int, hours: int) -> None:
    usage, now = fail(times, "billing")
    assert usage.disabled_until == now + hours * HOUR
    assert usage.disabled_reason == "billing"
    assert usage.cooldown_until is None
    assert usage.failure_counts == {"billing": times}


def test_billing_counts_its_own_failures_and_the_cooldown_counts_all() -> None:
    usage = after_failure(after_failure(Usage(), "auth", NOW), "billing", NOW)
    assert usage.disabled_until == NOW + 5 * HOUR
    usage = after_failure(usage, "timeout", NOW)
    assert usage.cooldown_until == NOW + 25 * MINUTE
    assert usage.disabled_until == NOW + 5 * HOUR
    assert usage.error_count == 3
    assert usage.failure_counts == {"auth": 1, "billing": 1, "timeout": 1}


@pytest.mark.parametrize(("pause", "count"), [(24 * HOUR, 4), (24 * HOUR + 1, 1)])
def test_a_failure_more_than_a_day_after_the_last_counts_as_the_first(pause: int, count: int) -> None:
    usage, now = fail(3, "auth")
    later = after_failure(usage, "auth", now + pause)
    assert later.error_count == count
    assert later.failure_counts == {"auth": count}
    assert later.cooldown_until == now + pause + (60 if count == 4 else 1) * MINUTE


def test_a_success_clears_everything_but_its_own_time() -> None:
    usage, _ = fail(3, "billing")
    assert after_use(usage, NOW + 9) == Usage(last_used=NOW + 9)


def test_a_clock_that_was_set_back_does_not_set_the_last_use_back() -> None:
    assert after_use(Usage(last_used=NOW), NOW - 1).last_used == NOW


@pytest.mark.parametrize(
    ("cooldown", "disabled", "until"),
    [
        (None, None, None),
        (NOW, None, None),
        (NOW + 1, None, NOW + 1),
        (None, NOW + 5, NOW + 5),
        (NOW + 9, NOW + 5, NOW + 9),
        (NOW - 9, NOW + 5, NOW + 5),
    ],
)
def test_it_rests_until_the_later_of_both(cooldown: int | None, disabled: int | None, until: int | None) -> None:
    assert Usage(cooldown_until=cooldown, disabled_until=disabled).rests_until(NOW) == until


def test_the_counts_cannot_be_changed_from_outside() -> None:
    counts = {"auth": 1}
    usage = Usage(failure_counts=counts)
    counts["auth"] = 7
    assert usage.failure_counts == {"auth": 1}
    with pytest.raises(TypeError):
        usage.failure_counts["auth"] = 7  # type: ignore[index]


def test_the_dict_is_json_ready_and_whole() -> None:
    assert fail(2, "billing")[0].to_dict() == {
        "last_used": None,
        "last_failure": NOW + 2,
        "error_count": 2,
        "cooldown_until": None,
        "disabled_until": NOW + 2 + 10 * HOUR,
        "disabled_reason": "billing",
        "failure_counts": {"billing": 2},
    }


@pytest.mark.parametrize(
    ("text", "answer"),
    [("auth", True), ("rate_limit", True), ("x-1", True), ("", False), ("Auth", False), ("a b", False), ("1a", False),
     ("a" * 64, True), ("a" * 65, False), ("auth\n", False)],
)  # fmt: skip
def test_a_reason_is_one_lower_case_word(text: str, answer: bool) -> None:
    assert is_reason(text) is answer
