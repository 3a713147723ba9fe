"""Which variables each provider reads, in which order, and who else claims them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jackfield.providers.block import AuthMethod, EnvSet, EnvVars, OAuth, Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import env_vars
from jackfield.providers.views.env_vars import env_mode

if TYPE_CHECKING:
    from jackfield.providers.views.env_vars import EnvVar


def rows_of(*blocks: Provider) -> list[EnvVar]:
    registry = ProviderRegistry()
    registry.register_providers(blocks)
    return list(env_vars(registry.snapshot()))


def acme(env: EnvVars, **fields: Any) -> Provider:
    return Provider("acme", "Acme", env=env, **fields)


def test_variables_that_are_enough_alone_come_in_the_blocks_order() -> None:
    rows = rows_of(acme(EnvVars(any_of=("B_KEY", "A_KEY"), login_shell=("A_KEY",))))
    assert [row.to_dict() for row in rows] == [
        {
            "provider": "acme",
            "name": name,
            "role": "credential",
            "rule": "any-of",
            "order": order,
            "set": None,
            "mode": "api_key",
            "login_shell": shell,
            "shared_with": [],
        }
        for order, (name, shell) in enumerate((("B_KEY", False), ("A_KEY", True)))
    ]


def test_a_set_lists_what_must_be_there_then_what_may_stand_in_then_the_file() -> None:
    each = EnvSet(all_of=("LOCATION",), any_of=("PROJECT", "OLD_PROJECT"), file_variable="CREDENTIALS")
    rows = rows_of(acme(EnvVars(sets=(each,)), auth_mode="adc"))
    assert [(row.name, row.rule, row.set, row.mode) for row in rows] == [
        ("LOCATION", "all-of", 0, "adc"),
        ("PROJECT", "one-of", 0, "adc"),
        ("OLD_PROJECT", "one-of", 0, "adc"),
        ("CREDENTIALS", "file", 0, "adc"),
    ]


def test_order_runs_on_from_single_variables_through_the_sets() -> None:
    sets = (EnvSet(all_of=("ID", "SECRET")), EnvSet(any_of=("PROFILE",)))
    rows = rows_of(acme(EnvVars(any_of=("KEY",), sets=sets)))
    assert [(row.order, row.name, row.set) for row in rows] == [
        (0, "KEY", None),
        (1, "ID", 0),
        (2, "SECRET", 0),
        (3, "PROFILE", 1),
    ]


@pytest.mark.parametrize(("auth_mode", "mode"), [("api-key", "api_key"), ("aws-sdk", "aws-sdk"), ("adc", "adc")])
def test_a_sets_mode_is_the_providers(auth_mode: str, mode: str) -> None:
    rows = rows_of(acme(EnvVars(sets=(EnvSet(all_of=("X",)),)), auth_mode=auth_mode))
    assert [row.mode for row in rows] == [mode]


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("ACME_OAUTH_TOKEN", "oauth"),
        ("OAUTH_TOKEN_2", "oauth"),
        ("ACME_API_KEY", "api_key"),
        ("ACME_TOKEN", "api_key"),
        ("ACME_OAUTH", "api_key"),
    ],
)
def test_a_variable_holds_an_access_token_when_its_name_says_so(name: str, mode: str) -> None:
    assert env_mode(name) == mode
    assert [row.mode for row in rows_of(acme(EnvVars(any_of=(name,))))] == [mode]


def test_settings_and_usage_variables_are_no_credentials() -> None:
    rows = rows_of(acme(EnvVars(settings=("REGION",), usage=("PLAN_KEY", "KEY"))))
    assert [(row.name, row.role, row.rule, row.mode, row.order) for row in rows] == [
        ("REGION", "setting", None, None, 0),
        ("PLAN_KEY", "usage", None, None, 0),
        ("KEY", "usage", None, None, 1),
    ]


def test_variables_of_a_login_flow_are_settings_and_each_stands_once() -> None:
    oauth = OAuth(("h",), client_env=("CLIENT", "REGION"))
    login = AuthMethod("sso", "acme", "oauth", "Acme", "r", oauth=oauth, profile="acme:{email}")
    rows = rows_of(acme(EnvVars(settings=("REGION",)), auth=(login,)))
    assert [(row.name, row.order) for row in rows] == [("REGION", 0), ("CLIENT", 1)]


def test_a_variable_that_others_read_names_them() -> None:
    shared = EnvVars(any_of=("SHARED",))
    rows = rows_of(
        Provider("c", "C", env=shared),
        Provider("a", "A", env=EnvVars(sets=(EnvSet(all_of=("SHARED", "OWN")),))),
        Provider("b", "B", env=EnvVars(any_of=("OWN_B", "SHARED"))),
    )
    assert {(row.provider, row.name): row.shared_with for row in rows} == {
        ("a", "SHARED"): ("b", "c"),
        ("a", "OWN"): (),
        ("b", "OWN_B"): (),
        ("b", "SHARED"): ("a", "c"),
        ("c", "SHARED"): ("a", "b"),
    }


def test_reading_a_variable_as_a_setting_does_not_share_it() -> None:
    rows = rows_of(
        Provider("a", "A", env=EnvVars(any_of=("PROJECT",))),
        Provider("b", "B", env=EnvVars(settings=("PROJECT",), usage=("PROJECT",))),
    )
    assert [row.shared_with for row in rows] == [(), (), ()]


def test_variables_kept_from_child_programs_are_not_read() -> None:
    assert rows_of(acme(EnvVars(cleared=("SECRET",)))) == []


def test_only_single_variables_are_imported_from_the_login_shell() -> None:
    rows = env_vars(ProviderRegistry.with_core().snapshot())
    assert {row.rule for row in rows if row.login_shell} == {"any-of"}
    assert sum(row.login_shell for row in rows) == 9
