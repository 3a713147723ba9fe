"""What a login would do, what it did, and taking it back: dry runs, consents, undo, the doctor, and kills between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.config.document import Document
from support.cli import RIGHT_KEY, WRONG_KEY, Cli, InProcess, Result, leaks, model_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.servers import HttpServer

CONFIG = """// by hand
{
  'gateway': { port: 18789, }, // of another program
  models: { providers: { zai: { baseUrl: "https://old.example.com/v1", apiKey: "sk-hand-written-000000001" }, } },
  agents: { defaults: { model: { primary: "openai/gpt-5", fallbacks: [] } } },
}
"""
URL = ("models", "providers", "zai", "baseUrl")


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    found = InProcess(tmp_path, monkeypatch, capsys)
    found.write_config(CONFIG)
    return found


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with model_server(RIGHT_KEY) as opened:
        yield opened


def log_in(cli: InProcess, *more: str, provider: str = "openai", key: str = RIGHT_KEY) -> Result:
    result = cli.call("login", provider, "--key-stdin", "--no-verify", *more, stdin=key)
    assert result.status == 0, (result.out, result.err)
    return result


def stored(cli: Cli) -> list[tuple[object, ...]]:
    """Return everything that the store keeps of each profile, but for when its row was last written."""
    with cli.app() as app:
        return [
            (each.id, each.credential.to_secret_dict(), each.origin, each.owner, each.created, each.usage.to_dict())
            for each in app.store.profiles()
        ]


# dry runs


LOGINS = [
    ("openai",),
    ("zai", "--base-url", "https://gateway.example.com/v1"),
    ("zai", "--set-default"),
    ("openai", "--model", "gpt-5-mini", "--profile", "work"),
    ("ollama", "--base-url", "http://192.168.7.7:11434"),
]


@pytest.mark.parametrize("args", LOGINS, ids=" ".join)
@pytest.mark.parametrize("known", [False, True], ids=["no-store", "store"])
def test_a_dry_run_writes_no_byte_and_shows_what_the_login_then_does(
    cli: InProcess, args: tuple[str, ...], known: bool
) -> None:
    if known:
        log_in(cli, provider="groq")
    before, files = cli.config_text(), cli.files()
    said = ["--key-stdin"] if args[0] != "ollama" else []

    dry = cli.call("login", *args, *said, "--no-verify", "--dry-run", "--json", stdin=RIGHT_KEY)

    assert dry.status == 0, dry.out
    assert cli.files() == files
    assert dry.json["changed"] == []
    real = cli.call("login", *args, *said, "--no-verify", "--json", stdin=RIGHT_KEY)
    assert real.json["consents"] == dry.json["consents"]
    assert real.json["diagnostics"] == dry.json["diagnostics"]
    assert (real.json["profiles"], real.json["default_model"]) == (dry.json["profiles"], dry.json["default_model"])
    assert real.json["changed"] != []
    assert real.json["diff"] is None
    assert patched(before, dry.json["diff"]) == shown(cli.config_text())


def test_a_dry_run_of_what_is_there_already_has_no_diff(cli: InProcess) -> None:
    log_in(cli)
    files = cli.files()

    dry = cli.call("login", "openai", "--key-stdin", "--no-verify", "--dry-run", "--json", stdin=RIGHT_KEY)

    assert (dry.json["diff"], cli.files()) == (None, files)


def test_a_dry_run_asks_the_provider_too(cli: InProcess, server: HttpServer) -> None:
    address = ("--base-url", f"{server.url}/v1")

    refused = cli.call("login", "openai", "--key-stdin", *address, "--dry-run", "--json", stdin=WRONG_KEY)
    taken = cli.call("login", "openai", "--key-stdin", *address, "--dry-run", stdin=RIGHT_KEY)

    assert (refused.status, refused.code) == (1, "credential.refused")
    assert taken.status == 0
    assert taken.err.splitlines() == [
        "The provider accepts the credential.",
        "Would keep a credential as openai:default.",
        "Nothing was written.",
    ]
    assert len(server.requests) == 2
    assert cli.files() == {"config.json5": CONFIG.encode()}


def test_a_dry_run_shows_no_key_of_the_lines_around(cli: InProcess) -> None:
    result = log_in(cli, "--base-url", "https://gateway.example.com/v1", "--dry-run", provider="zai")

    assert '-  models: { providers: { zai: { baseUrl: "https://old.example.com/v1", apiKey: "…" }, } },' in result.out
    assert leaks(result.out, "sk-hand-written-000000001") == []


def shown(text: str) -> list[str]:
    return text.replace("sk-hand-written-000000001", "…").splitlines()


def patched(before: str, diff: str) -> list[str]:
    """Return the lines of `before`, as they are shown, with a unified diff made in them."""
    old, new, place = shown(before), [], 0
    for line in diff.splitlines()[2:]:
        if line.startswith("@@"):
            start = max(int(line.split()[1].split(",")[0][1:]) - 1, 0)
            new += old[place:start]
            place = start
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            assert old[place] == line[1:]
            place += 1
            if line.startswith(" "):
                new.append(line[1:])
    return new + old[place:]


# consents


def test_an_address_that_was_typed_goes_into_the_entry_under_its_alias_and_hides_nothing_of_it(cli: InProcess) -> None:
    cli.write_config(CONFIG.replace("zai:", "'z.ai':"))

    done = log_in(cli, "--base-url", "https://gateway.example.com/v1", "--json", provider="zai").json

    assert ["models", "providers", "z.ai", "baseUrl"] in done["changed"]
    assert value_at(cli, "models", "providers") == {
        "z.ai": {"baseUrl": "https://gateway.example.com/v1", "apiKey": "sk-hand-written-000000001"}
    }
    assert [each[2] for each in stored(cli)] == ["https://gateway.example.com"]


# A login of which the flow proposes another address than the one that stands in the config.
PROPOSING = """\
import sys
from jackfield.auth import flows
from jackfield.records import replace

real = flows.run_api_key

async def propose(context):
    result = await real(context)
    return replace(result, config_patch={"models": {"providers": {"zai": {"baseUrl": "https://new.example.com/v1"}}}})

flows.CORE_RUNNERS = {**flows.CORE_RUNNERS, "api-key": propose}
from jackfield.cli import main
sys.exit(main(sys.argv[1:]))
"""


class Proposing(Cli):
    """The program with such a login, as a process of its own."""

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-c", PROPOSING, *args]


@pytest.fixture
def proposing(tmp_path: Path) -> Proposing:
    found = Proposing(tmp_path)
    found.write_config(CONFIG)
    return found


def value_at(cli: Cli, *path: str) -> Any:
    value: Any = Document.parse(cli.config_text()).value
    for key in path:
        value = value[key]
    return value


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ((), False),
        (("overwrite",), False),
        (("origin-change",), False),
        (("private-http",), False),
        (("overwrite", "origin-change"), True),
    ],
)
def test_what_was_set_by_hand_is_overwritten_only_with_every_consent(
    proposing: Proposing, accept: tuple[str, ...], taken: bool
) -> None:
    flags = [part for code in accept for part in ("--accept", code)]

    result = proposing.run("login", "zai", "--key-stdin", "--no-verify", "--json", *flags, stdin=RIGHT_KEY)

    assert result.status == 0, result.out
    assert {each["code"] for each in result.json["consents"]} == {"overwrite", "origin-change"}
    assert value_at(proposing, *URL) == ("https://new.example.com/v1" if taken else "https://old.example.com/v1")
    assert (list(URL) in result.json["changed"]) is taken
    assert [each["code"] for each in result.json["diagnostics"]] == ([] if taken else ["patch.conflict"])
    assert proposing.secret("zai:default") == RIGHT_KEY


def test_a_dry_run_names_the_flag_for_each_consent_that_is_open(proposing: Proposing) -> None:
    args = ("login", "zai", "--key-stdin", "--no-verify", "--dry-run", "--accept", "origin-change")

    result = proposing.run(*args, stdin=RIGHT_KEY)

    asked = [line for line in result.err.splitlines() if line.startswith("Needs consent")]
    assert asked == [
        "Needs consent: models.providers.zai.baseUrl. This was set by hand. Overwrite it? Agree with --accept overwrite"
    ]
    assert proposing.files() == {"config.json5": CONFIG.encode()}


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(
    ("answers", "taken"), [(("y", "y"), True), (("y", "n"), False), (("n", "y"), False), (("n", "n"), False)]
)
def test_a_person_is_asked_for_each_consent(proposing: Proposing, answers: tuple[str, ...], taken: bool) -> None:
    import pexpect

    with proposing.terminal("login", "zai", "--method", "api-key", "--no-verify", columns=200) as child:
        child.expect("API key")
        child.send(RIGHT_KEY + "\r")
        child.expect("Change the address")
        child.send(answers[0])
        child.expect("This was set by hand")
        child.send(answers[1])
        child.expect(pexpect.EOF)
        child.close()

    assert child.exitstatus == 0
    assert value_at(proposing, *URL) == ("https://new.example.com/v1" if taken else "https://old.example.com/v1")
    assert proposing.secret("zai:default") == RIGHT_KEY


def test_what_an_earlier_login_wrote_needs_no_consent_to_be_written_again(cli: InProcess) -> None:
    log_in(cli, "--base-url", "https://one.example.com/v1", provider="groq")

    again = log_in(cli, "--base-url", "https://one.example.com/v2", "--json", provider="groq").json

    assert [each["code"] for each in again["consents"]] == []
    assert value_at(cli, "models", "providers", "groq", "baseUrl") == "https://one.example.com/v2"


def test_explain_says_who_set_what(cli: InProcess) -> None:
    log_in(cli, provider="zai")

    written = cli.call("explain", "zai", "--json").json["written"]

    by = {tuple(each["path"]): (each["by"], each["title"]) for each in written}
    login = ("user", "login to zai as zai:default")
    assert by == {
        URL: ("hand", None),
        (*URL[:3], "apiKey"): ("hand", None),
        ("auth", "profiles", "zai:default", "provider"): login,
        ("auth", "profiles", "zai:default", "mode"): login,
    }
    cli.write_config(cli.config_text().replace('mode: "api_key"', 'mode: "token"'))
    changed = cli.call("explain", "zai", "--json").json["written"]
    assert [each["by"] for each in changed if each["path"][-1] == "mode"] == ["hand"]
    told = cli.call("explain", "zai", env={"COLUMNS": "200"}).out
    assert "hand" in told
    assert "login to zai as zai:default" in told


# undo


@pytest.mark.parametrize("args", LOGINS, ids=" ".join)
def test_undo_after_a_login_gives_back_config_bytes_and_store(cli: InProcess, args: tuple[str, ...]) -> None:
    log_in(cli, provider="groq")
    text, credentials = cli.config_text(), stored(cli)
    said = ["--key-stdin"] if args[0] != "ollama" else []
    assert cli.call("login", *args, *said, "--no-verify", stdin=RIGHT_KEY).status == 0
    after = cli.config_text()

    diff = cli.call("config", "diff", "--json").json
    undone = cli.call("config", "undo", "--json")

    assert patched(text, diff["diff"]) == shown(after)
    assert diff["title"].startswith(f"login to {args[0]}")
    assert list(undone.json) == ["undone", "diagnostics"]
    assert list(undone.json["undone"]) == ["title", "at", "owner", "paths", "profiles"]
    assert (undone.json["undone"]["title"], undone.json["undone"]["at"]) == (diff["title"], diff["at"])
    assert undone.json["diagnostics"] == []
    assert (cli.config_text(), stored(cli)) == (text, credentials)


def test_undo_of_a_login_over_another_gives_the_former_key_back(cli: InProcess) -> None:
    log_in(cli)
    log_in(cli, key=WRONG_KEY)

    assert cli.call("config", "undo").status == 0

    assert cli.secret("openai:default") == RIGHT_KEY


def test_undo_removes_a_config_that_the_login_made(cli: InProcess) -> None:
    cli.config_file.unlink()
    log_in(cli)

    cli.call("config", "undo")

    assert not cli.config_file.exists()
    assert stored(cli) == []


def test_undo_of_a_logout_brings_credential_and_config_back(cli: InProcess) -> None:
    log_in(cli)
    text, credentials = cli.config_text(), stored(cli)
    assert cli.call("logout", "openai").status == 0
    assert stored(cli) == []

    result = cli.call("config", "undo")

    assert (result.status, result.out) == (0, "")
    assert result.err.startswith("Taken back: logout of openai:default (")
    assert (cli.config_text(), stored(cli)) == (text, credentials)


def test_undo_after_an_edit_elsewhere_keeps_the_edit(cli: InProcess) -> None:
    log_in(cli)
    cli.write_config(cli.config_text().replace("port: 18789", "port: 1 /* mine */"))

    result = cli.call("config", "undo", "--json")

    assert result.json["diagnostics"] == []
    assert cli.config_text() == CONFIG.replace("port: 18789", "port: 1 /* mine */")


def test_undo_after_an_edit_of_the_same_leaf_keeps_it_and_says_so(cli: InProcess) -> None:
    log_in(cli, "--base-url", "https://gateway.example.com/v1", provider="zai")
    cli.write_config(cli.config_text().replace("gateway.example.com", "mine.example.com"))

    result = cli.call("config", "undo", "--json")

    assert [(each["code"], tuple(each["path"])) for each in result.json["diagnostics"]] == [
        ("config.changed-since", URL)
    ]
    assert value_at(cli, *URL) == "https://mine.example.com/v1"
    assert "auth" not in value_at(cli)
    assert stored(cli) == []


def test_with_nothing_to_take_back_undo_fails_and_diff_says_so(cli: InProcess) -> None:
    undo, diff, told = (
        cli.call("config", "undo", "--json"),
        cli.call("config", "diff", "--json"),
        cli.call("config", "diff"),
    )

    assert (undo.status, undo.code) == (2, "config.nothing-to-undo")
    assert (diff.status, diff.json) == (0, None)
    assert (told.status, told.out, told.err) == (0, "", "There is nothing to take back.\n")
    assert cli.files() == {"config.json5": CONFIG.encode()}


@pytest.mark.parametrize("text", ["{models: 3}", "{"])
@pytest.mark.parametrize("command", ["undo", "diff"])
def test_a_broken_config_is_not_taken_back(cli: InProcess, command: str, text: str) -> None:
    log_in(cli)
    cli.write_config(text)
    credentials = stored(cli)

    result = cli.call("config", command, "--json")

    assert (result.status, result.code.partition(".")[0]) == (1, "config")
    assert (cli.config_text(), stored(cli)) == (text, credentials)


# kills


KILLED = """\
import os, signal, sys
from functools import partial
from jackfield import commits
from jackfield.cli import main

def crash(point):
    if point == sys.argv[1]:
        os.kill(os.getpid(), signal.SIGKILL)

commits.Commits = partial(commits.Commits, crash=crash)
sys.exit(main(sys.argv[2:]))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("point", ["stored", "written", "closed"])
def test_a_login_killed_between_store_and_config_is_finished_by_the_next_command(cli: InProcess, point: str) -> None:
    args = ["login", "openai", "--key-stdin", "--no-verify", "--model", "gpt-5-mini"]
    expected = CONFIG.replace('primary: "openai/gpt-5"', 'primary: "openai/gpt-5-mini"')

    done = subprocess.run(
        [sys.executable, "-c", KILLED, point, *args],
        input=RIGHT_KEY.encode(),
        env=cli.env,
        capture_output=True,
        timeout=60,
    )

    assert done.returncode == -signal.SIGKILL
    assert (cli.config_text() == CONFIG) is (point == "stored")
    seen = cli.call("status", "openai", "--no-probe", "--json")
    assert (seen.status, seen.json["providers"][0]["state"]) == (0, "configured")
    assert cli.config_text().startswith(expected.rstrip("}\n"))
    assert cli.secret("openai:default") == RIGHT_KEY
    with cli.app() as app:
        assert [each.title for each in app.commits.history()] == ["login to openai as openai:default"]
    assert cli.call("config", "undo").status == 0
    assert (cli.config_text(), stored(cli)) == (CONFIG, [])


# the doctor


def findings(cli: InProcess, *more: str, **options: Any) -> tuple[int, dict[str, Any]]:
    result = cli.call("doctor", "--json", *more, **options)
    return result.status, result.json


def test_a_healthy_set_up_has_no_finding(cli: InProcess) -> None:
    cli.write_config("{}\n")
    log_in(cli)
    log_in(cli, "--model", "gpt-5-mini")

    status, told = findings(cli)

    assert (status, told) == (0, {"findings": [], "fixed": []})
    assert cli.call("doctor").err == "Nothing is wrong.\n"


def test_a_default_model_without_a_credential_is_an_error_with_what_to_do(cli: InProcess) -> None:
    cli.write_config('{agents: {defaults: {model: "openai/gpt-5"}}}')

    status, told = findings(cli)

    assert status == 1
    (found,) = [each for each in told["findings"] if each["code"] == "doctor.missing-auth"]
    assert found == {
        "code": "doctor.missing-auth",
        "severity": "error",
        "message": "The default model openai/gpt-5 needs a credential for OpenAI, and there is none.",
        "fix": "Run: jackfield login openai",
        "provider": "openai",
        "path": ["agents", "defaults", "model"],
        "fixable": False,
    }


BROKEN = """{
  // lists what is not there
  auth: {
    profiles: {
      "openai:gone": { provider: "openai", mode: "api_key" },
    },
    order: { openai: ["openai:gone", "openai:default"] },
  },
}
"""


def test_fix_mends_what_needs_no_decision_with_a_backup_and_undo_takes_it_back(cli: InProcess) -> None:
    cli.write_config(BROKEN)
    log_in(cli)
    text, credentials = cli.config_text(), stored(cli)
    _, before = findings(cli)
    fixable = [each["code"] for each in before["findings"] if each["fixable"]]
    assert fixable

    status, told = findings(cli, "--fix")

    assert sorted(told["fixed"]) == sorted(fixable)
    assert not any(each["fixable"] for each in told["findings"])
    assert status == int(any(each["severity"] == "error" for each in told["findings"]))
    assert "openai:gone" not in cli.config_text()
    assert cli.secret("openai:default") == RIGHT_KEY
    assert cli.files()["config.json5.bak"].decode() == text
    assert findings(cli, "--fix")[1]["fixed"] == []
    undone = cli.call("config", "undo", "--json").json["undone"]
    assert undone["owner"] == "doctor"
    assert (cli.config_text(), stored(cli)) == (text, credentials)


def test_without_fix_the_doctor_writes_nothing(cli: InProcess) -> None:
    cli.write_config(BROKEN)
    before = cli.files()

    told = cli.call("doctor")

    assert cli.files() == before
    assert "can be mended with: jackfield doctor --fix" in told.err


@pytest.mark.parametrize(("text", "code"), [("{", "config.syntax"), ("{models: 3}", "config.type")])
def test_a_config_with_errors_is_told_and_not_mended(cli: InProcess, text: str, code: str) -> None:
    cli.write_config(text)

    status, told = findings(cli)

    assert status == 1
    assert code in {each["code"] for each in told["findings"]}
    cli.call("doctor", "--fix")
    assert cli.config_text() == text


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_fix_makes_a_config_that_holds_a_key_private(cli: InProcess) -> None:
    cli.config_file.chmod(0o644)

    _, told = findings(cli, "--fix")

    assert cli.config_file.stat().st_mode & 0o777 == 0o600
    assert cli.config_text() == CONFIG
    assert len(told["fixed"]) == 1
