"""`jackfield import`: keys, logins and settings brought over from other programs and from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jackfield.cli import output
from jackfield.cli.shared import json_option, open_app
from jackfield.config.guard.findings import CONSENT_CODES, shown_path
from jackfield.diagnostics import format_path
from jackfield.errors import EXIT_FAILED, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jackfield.app import App
    from jackfield.imports.found import Found
    from jackfield.onboarding import ImportOutcome

_STATES = ("taken", "kept", "skipped")
# How a narrow terminal tells what it has no column for.
_GATHER = {"why": "{}", "file": "in {}"}


@click.group("import")
def imports() -> None:
    """Bring keys, logins and settings over from other programs.

    What is read stays as it is. An import is one change, which config undo takes back.
    """


def _common(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every import has."""
    options = (
        click.option("--overwrite", is_flag=True, help="Replace what is stored, or set, under the same name."),
        click.option(
            "--accept",
            metavar="CODE",
            multiple=True,
            type=click.Choice(CONSENT_CODES),
            help="Agree to what is asked for under this code, such as private-http; may be repeated.",
        ),
        click.option("--dry-run", is_flag=True, help="Say what would become of each, and write nothing."),
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


def _folder_option(what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option("--from", "folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help=what)


def _file_option(what: str, *, required: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind = click.Path(path_type=Path)
    return click.option("--file", "file", metavar="FILE", type=kind, required=required, help=what)


@imports.command()
@_folder_option("State folder of OpenClaw; without it, where such programs keep it.")
@_common
def openclaw(folder: Path | None, **options: Any) -> int:
    """Bring over what OpenClaw, clawdbot or moltbot has.

    Credentials: auth-profiles.json of its main agent, auth.json and credentials/oauth.json. Of openclaw.json (or
    moltbot.json, clawdbot.json) and the files that it includes: entries of providers, the list of models, the default
    model with its fallbacks, orders of profiles, and keys in env. A key that stands in it goes into the store.

    With --json: {source, from, files, profiles: [{id, name, file, state, reason}], settings: [{path, name, file, state,
    reason}], changed, consents: [{code, path, question, accepted}], notes, diagnostics}; state is taken, kept or
    skipped. Exits with 1 when a file has errors; what the others hold is brought over all the same.
    """
    from jackfield.credentials.legacy import legacy_folders
    from jackfield.imports.openclaw import find_openclaw, read_openclaw

    app = open_app()
    snapshot = app.registry.snapshot()
    found = read_openclaw(folder.absolute(), snapshot) if folder is not None else find_openclaw(app.env, snapshot)
    if found is None or not found.files:
        places = (folder,) if folder is not None else legacy_folders(app.env)
        where = " or ".join(map(str, places)) or "the home folder, which no variable names"
        raise _nothing(f"OpenClaw left nothing in {where}.", "Name its state folder with --from DIR.")
    return _bring(app, found, **options)


@imports.command()
@click.argument("providers", metavar="[ID]...", nargs=-1)
@_file_option("A dotenv file to read instead of the environment.")
@_common
def env(providers: tuple[str, ...], file: Path | None, **options: Any) -> int:
    """Store the keys that stand in the environment, or in a dotenv file.

    Each becomes the profile ID:env of the provider that reads its variable; with ID, of these providers alone. Of a
    provider's variables the first that is set counts. Nothing is substituted in a dotenv file.

    With --json: as for openclaw.
    """
    from jackfield.imports.environment import ENVIRONMENT, read_dotenv, read_environment
    from jackfield.records import replace

    app = open_app()
    snapshot = app.registry.snapshot()
    wanted = {app.registry.resolve_provider(each).id for each in providers}
    if file is not None:
        found = read_dotenv(file.absolute(), snapshot)
        if not found.files:
            raise _no_file(file)
    else:
        found = read_environment(app.env, snapshot)
    if wanted:
        found = replace(found, entries=tuple(each for each in found.entries if each.provider in wanted))
    if not found.entries and not found.diagnostics:
        place = ENVIRONMENT if file is None else str(file)
        fix = "See which variables are read with: jackfield providers view env-vars"
        raise _nothing(f"There is no key of a known provider in {place}.", fix)
    return _bring(app, found, **options)


@imports.command()
@_folder_option("User folder of llm; without it, where that keeps it, or what LLM_USER_PATH names.")
@_common
def llm(folder: Path | None, **options: Any) -> int:
    """Bring over the keys, default model and aliases of llm.

    Read are keys.json, default_model.txt and aliases.json. Each key becomes the profile ID:llm. A model is brought over
    where a provider here lists it.

    With --json: as for openclaw.
    """
    from jackfield.imports.llm import llm_folder, read_llm

    app = open_app()
    place = folder.absolute() if folder is not None else llm_folder(app.env)
    fix = "Name its user folder with --from DIR; llm keys path tells where it is."
    if place is None:
        raise _nothing("No variable names the home folder, in which llm keeps its files.", fix)
    ready = {each.provider for each in app.store.profiles()}
    found = read_llm(place, app.registry.snapshot(), ready)
    if not found.files:
        raise _nothing(f"llm keeps nothing in {place}.", fix)
    return _bring(app, found, **options)


@imports.command()
@_file_option("The config.yaml that LiteLLM is started with.", required=True)
@_common
def litellm(file: Path, **options: Any) -> int:
    """Bring over keys, addresses and model names of a LiteLLM config.

    Of each item in model_list: the key becomes the profile ID:litellm, or, where it is os.environ/NAME, a reference to
    the provider's variable; an address that is not the provider's own becomes a provider of its own, named for its
    host; model_name becomes an alias.

    With --json: as for openclaw.
    """
    from jackfield.imports.litellm import read_litellm

    app = open_app()
    found = read_litellm(file.absolute(), app.registry.snapshot())
    if not found.files:
        raise _no_file(file)
    return _bring(app, found, **options)


def _bring(app: App, found: Found, *, overwrite: bool, accept: tuple[str, ...], dry_run: bool, as_json: bool) -> int:
    outcome = app.onboarding().import_found(found, overwrite=overwrite, accept=accept, dry_run=dry_run)
    notes = _notes(outcome)
    if as_json:
        output.emit_json(
            {
                "source": found.source,
                "from": found.place,
                "files": list(found.files),
                "profiles": [each.to_dict() for each in outcome.plan.profiles],
                "settings": [each.to_dict() for each in outcome.plan.settings],
                "changed": [list(each) for each in outcome.changed],
                "consents": [
                    {**each.to_dict(), "accepted": each.code in outcome.plan.accepted} for each in outcome.plan.consents
                ],
                "notes": notes,
                "diagnostics": [each.to_dict() for each in found.diagnostics],
            }
        )
    else:
        _show(outcome, dry_run=dry_run)
        for note in notes:
            output.say(f"Note: {note}")
        output.show_diagnostics(found.diagnostics, found.place)
    return EXIT_FAILED if any(each.severity == "error" for each in found.diagnostics) else 0


def _show(outcome: ImportOutcome, *, dry_run: bool) -> None:
    profiles, settings = outcome.plan.profiles, outcome.plan.settings
    _table("profile", ((each.id or each.entry.name, each.state, each.entry.file, each.reason) for each in profiles))
    _table("setting", ((_where(each), each.state, each.setting.file, each.reason) for each in settings))
    states: list[str] = [each.state for each in profiles]
    states += [each.state for each in settings]
    counts = ", ".join(f"{states.count(state)} {state}" for state in _STATES)
    output.say(f"{counts}." + (" Nothing was written." if dry_run else ""))
    if not dry_run and "taken" in states:
        output.say("It can be taken back with: jackfield config undo")


def _table(first: str, rows: Iterable[tuple[str, str, str, str | None]]) -> None:
    told = [(name, state, file, (reason or "").removesuffix(".")) for name, state, file, reason in rows]
    if told:
        output.show_table((first, "state", "file", "why"), told, gather=_GATHER)


def _where(each: Any) -> str:
    return format_path(shown_path(each.path)) or each.setting.name


def _notes(outcome: ImportOutcome) -> list[str]:
    shared = [each.id for each in outcome.plan.profiles if each.profile is not None and each.profile.kind == "oauth"]
    if not shared:
        return []
    which = ", ".join(str(each) for each in shared)
    return [f"An OAuth login is renewed by one program: use {which} in the older one no more, or log in anew here."]


def _nothing(message: str, fix: str) -> RequestError:
    return RequestError(message, code="import.nothing", fix=fix)


def _no_file(file: Path) -> RequestError:
    return _nothing(f"There is no file {file}.", "Name another one with --file FILE.")
