"""`jackfield login` and `jackfield logout`."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jackfield.auth.answers import AnswersPrompter, parse_answers
from jackfield.auth.flows import CORE_RUNNERS
from jackfield.auth.methods import NAME_MAX, find_login, find_method, login_methods
from jackfield.auth.prompter import NobodyPrompter, Option, Prompter
from jackfield.cli import output
from jackfield.cli.prompts import TerminalPrompter, has_terminal
from jackfield.cli.shared import (
    complete_choice,
    complete_login,
    complete_method,
    complete_model,
    complete_profile,
    complete_provider,
    complete_stored_provider,
    json_option,
    open_app,
    run_async,
)
from jackfield.config.guard.findings import CONSENT_CODES
from jackfield.credentials.secret import Secret
from jackfield.diagnostics import format_path
from jackfield.errors import AnswerError, CancelledError, CredentialError, RequestError
from jackfield.ids import quoted
from jackfield.onboarding import LoginRequest
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import api_key_specs, auth_choices

if TYPE_CHECKING:
    from jackfield.app import App
    from jackfield.onboarding import LoginOutcome

_MAX_INPUT = 1_048_576
_KEYS = "jackfield.login.keys"


class LoginCommand(click.Command):
    """`login` with a flag for each kind of key, derived from the registered blocks."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the fixed options and the derived ones."""
        return [*super().get_params(ctx), *_key_options()]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the login choices by provider."""
        del ctx
        snapshot = ProviderRegistry.with_core().snapshot()
        rows: dict[str, list[str]] = {each.id: [] for each in snapshot.values()}
        for row in auth_choices(snapshot):
            if not row.hidden:
                note = row.note or (None if row.runner in CORE_RUNNERS else "cannot run here")
                rows[row.provider].append(f"{row.choice} ({note})" if note else row.choice)
        for each in snapshot.values():
            if not each.auth and login_methods(each):
                rows[each.id].append("by address" if each.local else "by key")
        with formatter.section("Providers and their login choices"):
            formatter.write_dl([(name, ", ".join(choices) or "-") for name, choices in rows.items()])


def _key_options() -> list[click.Parameter]:
    """Return an option for each key flag; a flag that several methods share comes once."""
    options: dict[str, click.Parameter] = {}
    for row in api_key_specs(ProviderRegistry.with_core().snapshot()):
        if row.flags and row.flags[0] not in options:
            help_text = f"{row.prompt} ({row.provider}); other users may see it, prefer --key-stdin."
            callback = functools.partial(_keep_key, row.choice)
            options[row.flags[0]] = click.Option(
                [row.flags[0]], metavar="KEY", help=help_text, expose_value=False, callback=callback
            )
    return list(options.values())


def _keep_key(choice: str, ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    del param
    if value is not None:
        ctx.meta.setdefault(_KEYS, {})[choice] = Secret(value)


@click.command(cls=LoginCommand)
@click.argument("name", metavar="[ID]", required=False, shell_complete=complete_login)
@click.option(
    "--method", metavar="METHOD", shell_complete=complete_method, help="Which way to log in, where there are several."
)
@click.option("--profile", "--token-profile-id", metavar="NAME", help="Name of the credential profile to write.")
@click.option("--key-stdin", is_flag=True, help="Read the key or token from standard input.")
@click.option("--set-default", is_flag=True, help="Also make the provider's proposed model the default.")
@click.option(
    "--model", metavar="MODEL", shell_complete=complete_model, help="Make this model of the provider the default."
)
@click.option("--base-url", metavar="URL", help="Another address of the provider, kept in the config.")
@click.option(
    "--expires-in", "--token-expires-in", metavar="TIME", help="Lifetime of a pasted token, such as 30d; not of a key."
)
@click.option("--answers", metavar="FILE", help="Answer the prompts from a JSON list in FILE, or - for standard input.")
@click.option("--no-browser", is_flag=True, help="Print addresses instead of opening a browser.")
@click.option("--dry-run", is_flag=True, help="Go through all of it, show what would change, and write nothing.")
@click.option(
    "--accept",
    metavar="CODE",
    type=click.Choice(CONSENT_CODES),
    multiple=True,
    help=f"Agree to what needs consent, by its code; repeatable. Codes: {', '.join(CONSENT_CODES)}.",
)
@click.option("--no-verify", is_flag=True, help="Store the credential without asking the provider first.")
@click.option(
    "--auth-choice",
    metavar="CHOICE",
    shell_complete=complete_choice,
    help="The login choice by its name; the same as ID.",
)
@click.option(
    "--token-provider", metavar="ID", shell_complete=complete_provider, help="The provider of --token; the same as ID."
)
@json_option
def login(name: str | None, as_json: bool, **options: Any) -> None:
    """Log in to a provider: get a key or token, check it, and keep it.

    ID is a provider's id or alias, or a login choice; without it you choose from a list. Nothing is written before the
    provider has accepted the credential.

    With --json: {provider, profiles, verified, verdict: {state, message} or null, default_model, changed, notes,
    consents: [{code, path, question, accepted}], diff, diagnostics}; changed holds the config paths written, each a
    list of keys, and diff what --dry-run would change.
    """
    app = open_app()
    choice, key = _given_key()
    name = _the_name(app, name, options["auth_choice"], options["token_provider"])
    if options["key_stdin"] and (options["answers"] == "-" or key is not None):
        raise click.UsageError("--key-stdin goes with neither --answers - nor a key given by a flag")
    if options["key_stdin"]:
        key = Secret(_read_stdin("key"))
    prompter = _prompter(options["answers"])
    request = LoginRequest(
        name=name or choice,
        method=_method_of_flag(app, name, choice, options["method"]),
        profile=options["profile"],
        key=key,
        base_url=options["base_url"],
        expires_in=options["expires_in"],
        set_default=options["set_default"],
        model=options["model"],
        check=not options["no_verify"],
        interactive=isinstance(prompter, TerminalPrompter),
        accept=options["accept"],
        dry_run=options["dry_run"],
    )
    outcome = run_async(app.onboarding(open_browser=not options["no_browser"]).login(request, prompter))
    _report(app, request, outcome, as_json)
    if isinstance(prompter, AnswersPrompter) and prompter.left:
        one = prompter.left == 1
        output.say(f"{prompter.left} of the answers {'was' if one else 'were'} not asked for.")


@click.command()
@click.argument("provider_id", metavar="[ID]", required=False, shell_complete=complete_stored_provider)
@click.option(
    "--profile", metavar="NAME", shell_complete=complete_profile, help="The profile to forget: NAME or ID:NAME."
)
@click.option("--all", "every", is_flag=True, help="Forget every profile of the provider.")
@click.option("--yes", is_flag=True, help="Without an ID: forget the only profile there is without asking.")
@click.option("--purge", is_flag=True, help="Also erase it from the records by which it could be taken back.")
@json_option
def logout(provider_id: str | None, profile: str | None, every: bool, yes: bool, purge: bool, as_json: bool) -> None:
    """Forget a stored credential, and its entry in the config.

    Where neither ID nor --profile says which, you are asked first; without a terminal one of them, or --yes, is needed.

    Until --purge, or twenty logins later, the record of the logout keeps it, so that config undo can bring it back.
    The key stays valid at the provider: revoke it there if it has leaked. With --json: {profiles, changed}.
    """
    app = open_app()
    ids = run_async(_profiles_to_forget(app, provider_id, profile, every=every, sure=yes, purge=purge))
    stored = {each.id for each in app.store.profiles()}
    there = tuple(each for each in ids if each in stored)
    changed = app.onboarding().logout(there) if there else ()
    if purge:
        app.commits.forget(ids)
    if as_json:
        output.emit_json({"profiles": list(ids), "changed": [list(each) for each in changed]})
        return
    for each in ids:
        output.say(f"Forgot {each}.")
    if not purge:
        output.say("It can be taken back with: jackfield config undo")
    _warn_of_env(app, {each.partition(":")[0] for each in ids})


async def _profiles_to_forget(
    app: App, name: str | None, profile: str | None, *, every: bool, sure: bool, purge: bool
) -> tuple[str, ...]:
    named = name is not None or profile is not None
    if every and not named:
        raise RequestError("--all needs an ID.", code="usage", fix="Name the provider: jackfield logout ID --all")
    stored = [each.id for each in app.store.profiles()]
    if purge:
        # What was forgotten before may still be in the records.
        stored += [each for each in app.commits.remembered() if each not in stored]
    if name is not None:
        provider = app.registry.resolve_provider(name)
        stored = [each for each in stored if each.partition(":")[0] in (provider.id, *provider.aliases)]
    if profile is not None:
        stored = [each for each in stored if profile in (each, each.partition(":")[2])]
    if not stored:
        what = f"stored credential of {name}" if name else "stored credential"
        what = f"profile {quoted(profile, NAME_MAX)}" if profile is not None else what
        raise CredentialError(f"There is no {what}.", code="credential.none", fix="See: jackfield auth list")
    if len(stored) == 1 and not (named or sure):
        # Nobody has named it, and it may not be the one that is meant.
        flag = f"jackfield logout {stored[0].partition(':')[0]} or --yes"
        if not await _prompter(None).confirm(f"Forget {stored[0]}?", answer_flag=flag):
            raise CancelledError("Nothing was forgotten.")
    if len(stored) == 1 or every:
        return tuple(stored)
    options = [Option(each, each) for each in stored]
    flag = "--profile NAME or --all" if name is not None else "jackfield logout ID or --profile ID:NAME"
    return (str(await _prompter(None).select("Forget which profile", options, answer_flag=flag)),)


def _given_key() -> tuple[str | None, Secret | None]:
    """Return the login choice of the key flag that was given, and the key."""
    given: dict[str, Secret] = click.get_current_context().meta.get(_KEYS, {})
    if len(given) > 1:
        raise click.UsageError("Only one key can be given at a time")
    return next(iter(given.items()), (None, None))


def _the_name(app: App, *names: str | None) -> str | None:
    """Return the name that says most, a login choice before a provider; the others must agree with it."""
    given = [each for each in names if each is not None]
    found = [(each, *find_login(app.registry, each)) for each in given]
    choices = {each: method.id for each, _, method in found if method is not None}
    if len({provider.id for _, provider, _ in found}) > 1 or len(set(choices.values())) > 1:
        raise click.UsageError(f"{' and '.join(given)} are not the same login")
    return next(iter((*choices, *given)), None)


def _method_of_flag(app: App, name: str | None, choice: str | None, asked: str | None) -> str | None:
    """Return the method that was asked for, or the one that a key flag stands for; both must go together."""
    if choice is None:
        return asked
    provider, method = find_login(app.registry, name or choice)
    if asked is not None:
        method = find_method(provider, asked)
    flags = {row.choice: row.flags[0] for row in api_key_specs(app.registry.snapshot()) if row.flags}
    fitting = [each for each in login_methods(provider) if flags.get(each.choice) == flags[choice]]
    if not fitting or (method is not None and method not in fitting):
        # Sending one vendor's key to another would give it away.
        what = method.label if method is not None else provider.label
        fix = "Name the provider that the key is from, or give the key with --key-stdin."
        raise RequestError(f"{flags[choice]} is no key for {what}.", code="login.foreign-key", fix=fix)
    return asked or (choice if method is None else None)


def _prompter(answers: str | None) -> Prompter:
    if answers is not None:
        text = _read_stdin("answers") if answers == "-" else _read_file(Path(answers))
        return AnswersPrompter(parse_answers(text), output.say)
    return TerminalPrompter() if has_terminal() else NobodyPrompter(output.say)


def _read_stdin(what: str) -> str:
    if sys.stdin.isatty():
        output.say(f"Reading the {what} from standard input; end it with Ctrl-D.")
    data = sys.stdin.buffer.read(_MAX_INPUT + 1)
    return _decode(data, "standard input")


def _read_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return _decode(file.read(_MAX_INPUT + 1), str(path))
    except OSError as error:
        raise AnswerError(
            f"The answers cannot be read: {path}: {error.strerror}.",
            code="answers.unreadable",
            fix="Name another file.",
        ) from error


def _decode(data: bytes, name: str) -> str:
    if len(data) > _MAX_INPUT:
        raise RequestError(f"{name} holds more than 1 MiB.", code="request.too-large")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RequestError(f"{name} is not UTF-8 text.", code="request.encoding") from None


def _report(app: App, request: LoginRequest, outcome: LoginOutcome, as_json: bool) -> None:
    warning = app.cipher.warning
    diagnostics = (*outcome.diagnostics, *app.commits.recovered)
    if as_json:
        verdict = outcome.verdict
        output.emit_json(
            {
                "provider": outcome.provider,
                "profiles": list(outcome.profiles),
                "verified": verdict is not None and verdict.state == "accepted",
                "verdict": {"state": verdict.state, "message": verdict.message} if verdict else None,
                "default_model": outcome.default_model,
                "changed": [list(each) for each in outcome.changed],
                "notes": list(outcome.notes),
                "consents": [
                    {**each.to_dict(), "accepted": each.code in outcome.accepted}
                    for each in (outcome.plan.consents if outcome.plan else ())
                ],
                "diff": _diff(app, outcome),
                "diagnostics": [each.to_dict() for each in (*diagnostics, *((warning,) if warning else ()))],
            }
        )
        return
    if request.dry_run:
        _show_dry_run(app, request, outcome)
        return
    output.show_diagnostics(diagnostics, f"login to {outcome.provider}")
    _say_left_out(outcome, "Left out")
    label = app.registry.resolve_provider(outcome.provider).label
    _say_verdict(request, outcome)
    output.say(f"Logged in to {label}" + (f" as {', '.join(outcome.profiles)}." if outcome.profiles else "."))
    if outcome.default_model:
        output.say(f"The default model is {outcome.default_model}.")
    for each in outcome.notes:
        output.say(f"Note: {each}")
    if warning:
        output.say(f"Note: {warning.message} {warning.hint or ''}".rstrip())


def _say_verdict(request: LoginRequest, outcome: LoginOutcome) -> None:
    """Say what the provider said; a person who was asked whether to go on without its word has read it already."""
    verdict = outcome.verdict
    if verdict is not None and (verdict.state in {"accepted", "reachable"} or not request.interactive):
        output.say(verdict.message)
    elif outcome.profiles:
        output.say("The credential was not checked.")


def _show_dry_run(app: App, request: LoginRequest, outcome: LoginOutcome) -> None:
    """Show what a login would do: the diff of the config, the diagnostics, the consents it still needs."""
    if outcome.verdict is not None:
        _say_verdict(request, outcome)
    diff = _diff(app, outcome)
    if diff:
        output.show_diff(diff)
    for each in outcome.profiles:
        output.say(f"Would keep a credential as {each}.")
    output.show_diagnostics(outcome.diagnostics, f"login to {outcome.provider}")
    _say_left_out(outcome, "Needs consent")
    output.say("Nothing was written.")


def _say_left_out(outcome: LoginOutcome, heading: str) -> None:
    """Say what nobody has agreed to, and how to."""
    for consent in outcome.plan.consents if outcome.plan else ():
        if consent.code not in outcome.accepted:
            where = format_path(consent.path)
            output.say(f"{heading}: {where}. {consent.question} Agree with --accept {consent.code}")


def _diff(app: App, outcome: LoginOutcome) -> str | None:
    name = str(app.paths.config_file)
    return output.make_diff(*outcome.texts, (name, f"{name} (new)")) if outcome.texts else None


def _warn_of_env(app: App, provider_ids: set[str]) -> None:
    """Say which variables still hold a credential: a user who logs out should not be surprised to be in."""
    known = app.registry.snapshot()
    for name in sorted(each for each in provider_ids if known.get(each) is not None):
        for each in app.sources(app.registry.resolve_provider(name)):
            if each.kind in {"env", "config"} and each.usable:
                output.say(f"Still there: {each.label}.")
