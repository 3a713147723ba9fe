"""`jackfield auth`: the stored credential profiles, their order, and how they are sealed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from jackfield.cli import output
from jackfield.cli.shared import (
    complete_profile,
    config_errors,
    json_option,
    open_app,
    plugin_errors,
    provider_argument,
    require_whole,
    resolve_or_tell,
    tell_errors,
)
from jackfield.config.file import load_config
from jackfield.credentials.envelope import MASTER_KEY_VARIABLE, choose_cipher
from jackfield.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jackfield.credentials.profile import Profile


# How a narrow terminal tells what it has no column for.
_GATHER = {"kind": "{}", "state": "{}", "origin": "for {}", "expires": "expires {}", "last used": "last used {}"}


@click.group()
def auth() -> None:
    """List credential profiles, put them in order, seal them."""


@auth.command("list")
@json_option
def list_command(as_json: bool) -> int:
    """List the stored credential profiles; never shows a secret.

    With --json: a list of {id, provider, name, kind, origin, owner, created, updated, expires, refreshable, email,
    extra, usage}; times in milliseconds since 1970. Exits with 1 when the config has errors: which profiles are used
    cannot be told then.
    """
    app = open_app()
    errors = app.config.errors
    if as_json and errors:
        load_config(app.paths.config_file).require_valid()
    if as_json:
        output.emit_json([each.public() for each in app.store.profiles()])
        return 0
    _show_profiles(app.store.profiles(), app.clock())
    return tell_errors(app, errors)


def _show_profiles(profiles: Sequence[Profile], now: int) -> None:
    if not profiles:
        output.say("No credential is stored. Log in with: jackfield login")
        return
    rows = []
    for each in profiles:
        facts = each.public()
        usable = "usable" if each.is_usable(now) else "expired"
        rest = each.usage.rests_until(now)
        state = f"resting until {_time(rest)}" if rest is not None else usable
        last = _time(each.usage.last_used)
        rows.append((each.id, each.kind, state, each.origin, _time(facts["expires"] or None), last))
    output.show_table(("profile", "kind", "state", "origin", "expires", "last used"), rows, gather=_GATHER)


@auth.command()
@provider_argument()
@click.argument("profiles", metavar="[PROFILE]...", nargs=-1, shell_complete=complete_profile)
@click.option("--clear", is_flag=True, help="Go back to the order that is used when nothing is said.")
@json_option
def order(provider_id: str, profiles: tuple[str, ...], clear: bool, as_json: bool) -> int:
    """Show the order in which a provider's profiles are tried, or set it.

    PROFILE is a name or ID:NAME; profiles that are not named are not used. With --json: {provider, explicit, order}.
    Exits with 1 when the config has errors: what order it puts them in cannot be told then.
    """
    app = open_app()
    if as_json:
        require_whole(app)
    errors = (*config_errors(app), *plugin_errors(app))
    provider = resolve_or_tell(app, provider_id, errors)
    if clear and profiles:
        raise click.UsageError("--clear goes without profiles")
    if clear:
        app.store.clear_order(provider.id)
    elif profiles:
        app.store.set_order(provider.id, [_full_id(provider.id, each) for each in profiles])
    explicit = app.store.order(provider.id) or app.config.settings.order_of((provider.id, *provider.aliases))
    tried = [each.name for each in app.sources(provider) if each.kind == "profile" and each.usable]
    if as_json:
        output.emit_json({"provider": provider.id, "explicit": bool(explicit), "order": tried})
        return tell_errors(app, errors)
    if not tried:
        output.say(f"{provider.label} has no usable profile.")
    for place, each in enumerate(tried, 1):
        print(f"{place}. {each}")  # noqa: T201
    return tell_errors(app, errors)


@auth.command()
@json_option
def seal(as_json: bool) -> None:
    """Encrypt everything in the credential store anew, what lies there in plain text too.

    The key is that of JACKFIELD_MASTER_KEY, or else the one in the system's keyring. What was sealed with another key
    cannot be opened, and then nothing is changed. With --json: {rows, key}; key names the key without telling it.
    """
    app = open_app()
    cipher, _ = choose_cipher(app.env)
    if cipher.key_id is None:
        raise StoreError(
            f"There is no key to seal the store with: {MASTER_KEY_VARIABLE} is not set, and no keyring answers.",
            code="store.no-key",
            fix=f"Set {MASTER_KEY_VARIABLE} (make one with: openssl rand -base64 32), or unlock the keyring.",
        )
    rows = app.store.reseal(cipher) if app.store.path.exists() else 0
    if as_json:
        output.emit_json({"rows": rows, "key": cipher.key_id})
        return
    output.say(f"Sealed: {rows} rows, under the key {cipher.key_id}." if rows else "Nothing is stored yet.")


def _full_id(provider_id: str, name: str) -> str:
    return name if ":" in name else f"{provider_id}:{name}"


def _time(value: object) -> str | None:
    if not isinstance(value, int):
        return None
    return datetime.fromtimestamp(value / 1000, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M")
