"""`jackfield config`: show, find and check the config file."""

from __future__ import annotations

import re
from pathlib import Path

import click

from jackfield.app import App
from jackfield.cli import output
from jackfield.cli.shared import json_option, open_app
from jackfield.config.file import OURS
from jackfield.errors import EXIT_FAILED, RequestError
from jackfield.records import replace

# What is called so holds a secret in any program's settings; `maxTokens` and `tokenUrl` do not.
_SECRET_FIELD = re.compile(r"(?i).*(api[_-]?key|token|secret|password|passphrase|authorization|credentials?)")
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")


@click.group()
def config() -> None:
    """Show, find and check the config file."""


@config.command()
@json_option
def path(as_json: bool) -> None:
    """Print where the config file is, or will be.

    With --json: {config, exists, store, plugins, state}.
    """
    app = open_app()
    paths = app.paths
    if as_json:
        output.emit_json(
            {
                "config": str(paths.config_file),
                "exists": paths.config_file.exists(),
                "store": str(paths.store_file),
                "plugins": str(paths.plugins_dir),
                "state": str(paths.state_dir),
            }
        )
    else:
        print(paths.config_file)  # noqa: T201


@config.command()
@json_option
def show(as_json: bool) -> None:
    """Print what the config says of providers, models, logins, plugins and voice; keys are not shown.

    What belongs to other programs is left out. With --json: the same, as it is JSON in any case.
    """
    del as_json  # people and programs get the same: the file's own form is JSON
    app = open_app()
    value = app.require_config().document.value
    output.emit_json(_without_secrets(_ours(value)))


@config.command()
@click.argument("file", required=False, type=click.Path(dir_okay=False, path_type=Path))
@json_option
def validate(file: Path | None, as_json: bool) -> int:
    """Check the config file, or FILE, and print every fault with its place.

    With --json: {path, valid, diagnostics}. Exits with 1 when there is an error; warnings do not count.
    """
    app = open_app()
    if file is not None:
        app = App(env=app.env, paths=replace(app.paths, config_file=file))
    target, exists = app.paths.config_file, app.config.exists
    if file is not None and not exists:
        raise RequestError(f"There is no file {file}.", code="usage", fix="Name another file.")
    faults = app.config_diagnostics
    errors = sum(each.severity == "error" for each in faults)
    if as_json:
        told = [each.to_dict() for each in faults]
        output.emit_json({"path": str(target), "valid": not errors, "diagnostics": told})
    else:
        output.show_diagnostics(faults, target)
        what = "is valid" if exists else "does not exist yet, which is fine"
        count = "1 error" if errors == 1 else f"{errors} errors"
        output.say(f"{target}: {count}" if errors else f"{target} {what}")
    return EXIT_FAILED if errors else 0


def _ours(value: object) -> dict[str, object]:
    """Return a copy of the parts of the config that are ours."""
    found: dict[str, object] = {}
    for part in OURS:
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
    if _SECRET_FIELD.fullmatch(key) and not _REFERENCE.fullmatch(value.strip()):
        return "…"
    return output.shown_url(value)
