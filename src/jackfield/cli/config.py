"""`jackfield config`: show, find and check the config file."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jackfield.app import App
from jackfield.auth.methods import NAME_MAX
from jackfield.cli import output
from jackfield.cli.shared import complete_provider, json_option, open_app
from jackfield.config.file import OURS, load_config
from jackfield.config.guard.intake import MAX_BYTES
from jackfield.config.plan import plan_patch
from jackfield.config.settings import INCLUDE
from jackfield.diagnostics import format_path
from jackfield.doctor import entry_faults
from jackfield.errors import EXIT_FAILED, RequestError, UnknownNameError
from jackfield.ids import canonical_id, is_id, quoted
from jackfield.records import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jackfield.commits import Commit
    from jackfield.diagnostics import Diagnostic

_REFUSED = 3


@click.group()
def config() -> None:
    """Show, find and check the config file."""


@config.command()
@json_option
def path(as_json: bool) -> None:
    """Print where the config file is, or will be.

    With --json: {config, exists, includes, store, plugins, state}; includes are the files that it takes in.
    """
    app = open_app()
    paths = app.paths
    if as_json:
        output.emit_json(
            {
                "config": str(paths.config_file),
                "exists": paths.config_file.exists(),
                "includes": _included(app),
                "store": str(paths.store_file),
                "plugins": str(paths.plugins_dir),
                "state": str(paths.state_dir),
            }
        )
    else:
        print(paths.config_file)  # noqa: T201


@config.command()
@click.option("--no-includes", is_flag=True, help="Print what the file itself says, its $include as it stands there.")
@json_option
def show(no_includes: bool, as_json: bool) -> None:
    """Print what the config says of providers, models, logins, plugins and voice; keys are not shown.

    What it takes in from other files with $include is merged in. What belongs to other programs is left out. With
    --json: the same, as it is JSON in any case.
    """
    del as_json  # people and programs get the same: the file's own form is JSON
    app = open_app()
    document = app.require_config().document
    shown = _with_includes(document.own) if no_includes else _ours(document.value)
    output.emit_json(_without_secrets(shown))


@config.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@json_option
def validate(file: Path | None, as_json: bool) -> int:
    """Check the config file, or FILE, and print every fault with its place.

    Files that it takes in with $include are checked with it. With --json: {path, includes, valid, diagnostics}. Exits
    with 1 when there is an error; warnings do not count.
    """
    app = open_app()
    if file is not None:
        app = App(env=app.env, paths=replace(app.paths, config_file=file))
    target, exists = app.paths.config_file, app.config.exists
    if file is not None and not exists:
        raise RequestError(f"There is no file {file}.", code="usage", fix="Name another file.")
    faults = (*app.config_diagnostics, *entry_faults(app.config, app.registry))
    errors = sum(each.severity == "error" for each in faults)
    if as_json:
        told = [each.to_dict() for each in faults]
        output.emit_json({"path": str(target), "includes": _included(app), "valid": not errors, "diagnostics": told})
    else:
        for each in _included(app):
            output.say(f"{target} takes in {each}")
        output.show_diagnostics(faults, target)
        what = "is valid" if exists else "does not exist yet, which is fine"
        count = "1 error" if errors == 1 else f"{errors} errors"
        output.say(f"{target}: {count}" if errors else f"{target} {what}")
    return EXIT_FAILED if errors else 0


@config.command()
@json_option
def undo(as_json: bool) -> None:
    """Take the last login, logout, import or repair back: in the config and in the credential store.

    What was changed since stays as it is, and is told. With --json: {undone: {title, at, owner, paths, profiles},
    diagnostics}.
    """
    app = open_app()
    commit, kept = _take_back(app)
    if as_json:
        paths = [list(each.path) for each in commit.steps]
        undone = {"title": commit.title, "at": commit.at, "owner": commit.owner, "paths": paths}
        undone["profiles"] = list(commit.profiles)
        output.emit_json({"undone": undone, "diagnostics": [each.to_dict() for each in kept]})
        return
    output.show_diagnostics(kept, app.paths.config_file)
    output.say(f"Taken back: {commit.title} ({_time(commit.at)}).")


def _take_back(app: App) -> tuple[Commit, tuple[Diagnostic, ...]]:
    try:
        return app.commits.undo()
    except RequestError as error:
        if error.code != "config.nothing-to-undo":
            raise
        fix = "What is taken back is the last login, logout, import or repair; what was edited by hand is not."
        raise RequestError("There is nothing to take back.", code="config.nothing-to-undo", fix=fix) from None


@config.command()
@json_option
def diff(as_json: bool) -> None:
    """Show what `config undo` would take back, as a diff of the config file; keys are not shown.

    With --json: {title, at, diff}, or null when there is nothing to take back.
    """
    app = open_app()
    app.commits.recover()
    history, texts = app.commits.history(), app.commits.preview_undo()
    if not history or texts is None:
        if as_json:
            output.emit_json(None)
        else:
            output.say("There is nothing to take back.")
        return
    now, before = texts
    name = str(app.paths.config_file)
    text = output.make_diff(before, now, (f"{name} (before)", name))
    if as_json:
        output.emit_json({"title": history[-1].title, "at": history[-1].at, "diff": text})
        return
    output.say(f"{history[-1].title} ({_time(history[-1].at)})")
    output.show_diff(text)


@config.command("check-patch")
@click.argument("file", metavar="FILE")
@click.option(
    "--provider",
    "provider_id",
    metavar="ID",
    required=True,
    shell_complete=complete_provider,
    help="The provider whose login returns the patch.",
)
@click.option("--current", type=click.Path(dir_okay=False, path_type=Path), help="The config to plan on; an empty one.")
@json_option
def check_patch(file: str, provider_id: str, current: Path | None, as_json: bool) -> int:
    """Say what a login's configPatch may change; for authors of plugins.

    FILE holds the patch as JSON, or is - for standard input. ID need not be registered. With --json: {refused, changes:
    [{path, value}], consents: [{code, path, question}], diagnostics: [{code, rule, severity, path, message, hint}]}.
    Exits with 0 when all of it is taken, 1 when parts are left out, 3 when it is refused.
    """
    app = open_app()
    provider_id = _named_id(provider_id)
    try:
        owner = str(app.registry.owner_of(provider_id))
    except UnknownNameError:
        owner = f"plugin:{provider_id}"
    value: object = {}
    if current is not None:
        loaded = load_config(current)
        if not loaded.exists:
            raise RequestError(f"There is no file {current}.", code="usage", fix="Name another file.")
        loaded.require_valid()
        value = loaded.document.value
    plan = plan_patch(
        value if isinstance(value, dict) else {},
        _read_patch(file),
        provider_id=provider_id,
        owner=owner,
        registry=app.registry,
    )
    if as_json:
        output.emit_json(plan.to_dict())
    else:
        output.show_diagnostics(plan.diagnostics, "standard input" if file == "-" else file)
        if plan.changes:
            output.show_table(("path", "value"), [(format_path(path), json.dumps(item)) for path, item in plan.changes])
        for each in plan.consents:
            output.say(f"Needs consent {each.code} for {format_path(each.path)}: {each.question}")
        count = "1 change." if len(plan.changes) == 1 else f"{len(plan.changes)} changes."
        output.say("Refused: nothing of it is taken." if plan.refused else count)
    if plan.refused:
        return _REFUSED
    return EXIT_FAILED if any(each.code != "patch.conflict" for each in plan.diagnostics) else 0


def _named_id(text: str) -> str:
    """Return an id in its canonical form; it need not be registered, but it must be one."""
    name = canonical_id(text)
    if not is_id(name):
        message = f"{quoted(text, NAME_MAX)} cannot be the id of a provider."
        fix = "An id has letters a-z, digits and . _ - only, with a letter or a digit at both ends."
        raise RequestError(message, code="usage", fix=fix)
    return name


def _read_patch(file: str) -> bytes:
    limit = MAX_BYTES + 1  # one more than may be, so that the gate itself sees that it is too large
    if file == "-":
        return sys.stdin.buffer.read(limit)
    try:
        with Path(file).open("rb") as stream:
            return stream.read(limit)
    except OSError as error:
        raise RequestError(f"{file} cannot be read: {error.strerror}.", code="request.unreadable") from error


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M")


def _included(app: App) -> list[str]:
    return [str(each.path) for each in app.config.includes]


def _with_includes(value: object) -> dict[str, object]:
    """Return a copy of our parts of a file with each `$include` in an object around them."""
    around = dict.fromkeys(part[:length] for part in OURS for length in range(len(part)))
    return _ours(value, (*((*path, INCLUDE) for path in around), *OURS))


def _ours(value: object, parts: Iterable[tuple[str, ...]] = OURS) -> dict[str, object]:
    """Return a copy of the parts of the config that are ours."""
    found: dict[str, object] = {}
    for part in parts:
        here: object = value
        for key in part:
            here = here.get(key) if isinstance(here, dict) else None
        if here is not None:
            target = found
            for key in part[:-1]:
                step = target.setdefault(key, {})
                assert isinstance(step, dict)  # noqa: S101 - made on the line above
                target = step
            target[part[-1]] = here
    return found


def _without_secrets(value: object) -> object:
    """Hide literal keys and header values; references such as ${NAME} stay, they are what one wants to see."""
    if isinstance(value, list):
        return [_without_secrets(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: _shown(key, each) for key, each in value.items()}


def _shown(key: str, value: object) -> object:
    if key == "headers" and isinstance(value, dict):
        return dict.fromkeys(value, "…")
    if not isinstance(value, str):
        return _without_secrets(value)
    if output.is_secret(key, value):
        return "…"
    return output.shown_url(value)
