"""How each key or token is asked for, cleaned, checked, stored and verified."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.providers.views.env_vars import env_mode
from jackfield.providers.views.rows import Row
from jackfield.records import record

if TYPE_CHECKING:
    from jackfield.providers.block import Provider
    from jackfield.table import Snapshot


@record
class ApiKeySpec(Row):
    """One login method whose credential is pasted or passed by a flag.

    Attributes:
        provider: id of the provider.
        choice, method, kind: the login choice; kind is `api_key` or `token`.
        flags: command-line spellings; the first one takes the key. `field` is its name in answer objects.
        prompt: what the user is asked; `url` is where a key is to be had.
        normalize: `shell` or `trim`: how the pasted text is cleaned.
        prefix, min_length: what a right key looks like.
        env: variables that hold the same kind of credential, in order of precedence (an access token is no key);
            `offer_env` says whether one found there is offered.
        profile: id of the profile written; `{name}` is filled in.
        default_model: model ref proposed as default.
        verify_url: address, with `{base}` or `{origin}`, of the free request that tells a right key from a wrong one.
        verify_public: that address answers without a key too, so it proves only that the service is there.
    """

    provider: str
    choice: str
    method: str
    kind: str
    flags: tuple[str, ...]
    field: str | None
    prompt: str
    url: str | None
    normalize: str
    prefix: str | None
    min_length: int
    env: tuple[str, ...]
    offer_env: bool
    profile: str | None
    default_model: str | None
    verify_url: str | None
    verify_public: bool


def api_key_specs(snapshot: Snapshot[Provider]) -> tuple[ApiKeySpec, ...]:
    """Return a row for each method with a key, sorted by provider and then as the block lists them."""
    return snapshot.derive(_build)


def _build(snapshot: Snapshot[Provider]) -> tuple[ApiKeySpec, ...]:
    return tuple(
        ApiKeySpec(
            provider=provider.id,
            choice=method.choice,
            method=method.id,
            kind=method.kind,
            flags=method.key.flags,
            field=method.key.field,
            prompt=method.key.prompt,
            url=method.key.url,
            normalize=method.key.normalize,
            prefix=method.key.prefix,
            min_length=method.key.min_length,
            env=_same_kind(provider.env.any_of, method.kind),
            offer_env=method.key.offer_env,
            profile=method.profile,
            default_model=method.default_model or provider.default_model,
            verify_url=check.url if check else None,
            verify_public=check.public if check else False,
        )
        for provider in snapshot.values()
        for method in provider.auth
        for check in (method.verify or provider.verify,)
        if method.key is not None
    )


def _same_kind(names: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """Return the variables a method's credential may come from: never an access token where a key belongs."""
    tokens = tuple(name for name in names if env_mode(name) == "oauth")
    if kind == "token" and tokens:
        return tokens
    return tuple(name for name in names if name not in tokens)
