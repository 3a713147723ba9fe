"""Which environment variables each provider reads, in which order, and who else claims them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jackfield.providers.views.rows import Row
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jackfield.providers.block import Provider
    from jackfield.table import Snapshot

# A variable with this in its name holds an OAuth access token, not a key (the vendors' own convention).
_OAUTH_MARK = "OAUTH_TOKEN"


@record
class EnvVar(Row):
    """One variable one provider reads.

    Attributes:
        provider: id of the provider.
        name: the variable.
        role: `credential`, `setting` (region, project, client id) or `usage` (read for quota reports only).
        rule: `any-of`: this variable alone is enough; `all-of`: it counts with the others of its `set`; `one-of`: one
            of these is enough beside the `all-of` ones of its `set`; `file`: holds the path of a credentials file;
            None for settings.
        order: place among the provider's variables of that role; the first one set wins.
        set: number of the set of variables it belongs to, or None.
        mode: what kind of credential it holds: `api_key`, `oauth`, `aws-sdk` or `adc`; None for settings.
        login_shell: may be imported from the user's login shell.
        shared_with: ids of the other providers that read it as a credential.
    """

    provider: str
    name: str
    role: Literal["credential", "setting", "usage"]
    rule: Literal["any-of", "all-of", "one-of", "file"] | None
    order: int
    set: int | None
    mode: str | None
    login_shell: bool
    shared_with: tuple[str, ...]


def env_vars(snapshot: Snapshot[Provider]) -> tuple[EnvVar, ...]:
    """Return a row for each variable of each provider, sorted by provider, role, then order of precedence."""
    return snapshot.derive(_build)


def env_mode(name: str) -> str:
    """Return the kind of credential a variable holds alone: `oauth` where its name says so, else `api_key`."""
    return "oauth" if _OAUTH_MARK in name else "api_key"


def _build(snapshot: Snapshot[Provider]) -> tuple[EnvVar, ...]:
    readers: dict[str, set[str]] = {}
    for provider in snapshot.values():
        for name in (*provider.env.any_of, *(name for each in provider.env.sets for name in each.names)):
            readers.setdefault(name, set()).add(provider.id)
    return tuple(row for provider in snapshot.values() for row in _rows(provider, readers))


def _rows(provider: Provider, readers: dict[str, set[str]]) -> Iterator[EnvVar]:
    env, order = provider.env, 0

    def shared(name: str) -> tuple[str, ...]:
        return tuple(sorted(readers[name] - {provider.id}))

    for name in env.any_of:
        imported = name in env.login_shell
        yield EnvVar(provider.id, name, "credential", "any-of", order, None, env_mode(name), imported, shared(name))
        order += 1
    mode = provider.auth_mode if provider.auth_mode != "api-key" else "api_key"
    for number, each in enumerate(env.sets):
        rules: list[tuple[str, Literal["all-of", "one-of", "file"]]] = [(name, "all-of") for name in each.all_of]
        rules += [(name, "one-of") for name in each.any_of]
        rules += [(each.file_variable, "file")] if each.file_variable else []
        for name, rule in rules:
            yield EnvVar(provider.id, name, "credential", rule, order, number, mode, False, shared(name))
            order += 1
    settings = dict.fromkeys((*env.settings, *(name for m in provider.auth if m.oauth for name in m.oauth.client_env)))
    for place, name in enumerate(settings):
        yield EnvVar(provider.id, name, "setting", None, place, None, None, False, ())
    for place, name in enumerate(env.usage):
        yield EnvVar(provider.id, name, "usage", None, place, None, None, False, ())
