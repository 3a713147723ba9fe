"""Canaries: secrets of a known form go in at every door, and come out nowhere but in the sealed store."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from jackfield.credentials.profile import OAuthCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from support.cli import MASTER_KEY, Cli, leaks, model_server

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
PLAIN = {
    name: f"sk-canary-{name}/Zq7+Xk2Lw9={hashlib.sha256(name.encode()).hexdigest()[:16]}"
    for name in ("stdin", "flag", "answers", "refused", "env", "config", "header", "fixed", "patch", "argument")
}
TOKEN = "sk-ant-oat01-" + "Kx7Qm2Vb9Tz4" * 7
CANARIES = {
    **PLAIN,
    "token": TOKEN,
    "oauth-access": "at-canary/Jn5+Hc8Rf3=Wd6Ys1Qa0",
    "oauth-refresh": "rt-canary/Gp2+Lb4Xv7=Mk9Tz3Ej5",
    # Keys that are themselves of the look that an encoding gives.
    "base64": base64.b64encode(b"canary of sixty characters that looks encoded").decode(),
    "url": quote("sk-canary url/Zq7+Xk2 Lw9=Pd4", safe=""),
}
# What stands in the config by hand stays there; it is to stand nowhere else.
BY_HAND = ("config", "header", "fixed")
CONFIG = f"""{{
  // by hand
  models: {{ providers: {{
    groq: {{ apiKey: "{CANARIES["config"]}", headers: {{ "X-Gateway": "{CANARIES["header"]}" }} }},
    mistral: {{ apiKey: "{CANARIES["fixed"]}" }},
  }} }},
  auth: {{ profiles: {{ "openai:gone": {{ provider: "openai", mode: "api_key" }} }} }},
}}
"""
# Everything that the program logs, spawns and opens, told by the interpreter itself.
WATCHED = """\
import atexit, json, logging, os, sys, tempfile

log, events = sys.argv[1], []

def watch(event, args):
    if event in {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.putenv"}:
        events.append([event, repr(args), repr(dict(os.environ)) if event != "os.putenv" else ""])
    elif event == "open" and isinstance(args[0], str) and (not args[1] or set(args[1]) & set("wax+")):
        events.append([event, args[0]])

def write():
    with open(log, "a") as file:
        file.writelines(json.dumps(each) + "\\n" for each in events)

sys.addaudithook(watch)
atexit.register(write)
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from jackfield.cli import main
sys.exit(main(sys.argv[2:]))
"""


class Watched(Cli):
    """The program with all logging on, and with its child processes and files written down."""

    @property
    def log(self) -> Path:
        return self.folder / "events.jsonl"

    def store_bytes(self) -> bytes:
        """Return the store with its logs."""
        return b"".join(data for name, data in self.files().items() if name.startswith("credentials"))

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-c", WATCHED, str(self.log), *args]


@pytest.fixture
def cli(tmp_path: Path) -> Watched:
    (tmp_path / "tmp").mkdir()
    found = Watched(tmp_path, {"TMPDIR": str(tmp_path / "tmp")})
    found.write_config(CONFIG)
    with found.app() as app:
        oauth = OAuthCredential(
            Secret(CANARIES["oauth-access"]), refresh=Secret(CANARIES["oauth-refresh"]), expires=4_000_000_000_000
        )
        app.store.put(Profile("qwen-portal:default", oauth))
        app.store.put(Profile("anthropic:kept", TokenCredential(Secret(CANARIES["token"]))))
    return found


def hits(data: bytes | str, *besides: str) -> dict[str, list[str]]:
    """Return the canaries in `data`, but for those named, with the forms they have there."""
    found = {name: leaks(data, secret) for name, secret in CANARIES.items() if name not in besides}
    return {name: forms for name, forms in found.items() if forms}


def patch_file(cli: Cli) -> str:
    patch = {"models": {"providers": {"acme": {"baseUrl": "https://api.acme.test/v1", "apiKey": CANARIES["patch"]}}}}
    path = cli.folder / "patch.json"
    path.write_text(json.dumps(patch))
    return str(path)


def runs(cli: Watched, url: str) -> Iterator[tuple[tuple[str, ...], str, Mapping[str, str], int]]:
    """Yield arguments, standard input, further environment and exit status of every run."""
    base, unchecked = ("--base-url", f"{url}/v1"), "--no-verify"
    env = {"OPENAI_API_KEY": CANARIES["env"], "GROQ_API_KEY": CANARIES["env"]}
    stdin = CANARIES["stdin"]
    yield ("login", "openai", "--key-stdin", *base, "--dry-run"), stdin, {}, 0
    yield ("login", "openai", "--key-stdin", *base), stdin, {}, 0
    yield ("login", "openai", "--key-stdin", *base, "--profile", "two"), CANARIES["refused"], {}, 1
    yield ("login", "openai", "--key-stdin", *base, "--profile", "two", "--json"), CANARIES["refused"], {}, 1
    yield ("login", "--zai-api-key", CANARIES["flag"], unchecked), "", {}, 0
    yield ("login", "xai", "--answers", "-", unchecked), json.dumps([CANARIES["answers"]]), {}, 0
    yield ("login", "moonshot", "--answers", "-"), json.dumps({"no": CANARIES["answers"]}), {}, 2
    yield ("login", "mistral", "--key-stdin", unchecked), CANARIES["base64"], {}, 0
    yield ("login", "cerebras", "--key-stdin", unchecked, "--json"), CANARIES["url"], {}, 0
    yield ("login", "anthropic", "--method", "setup-token", "--token", CANARIES["token"], unchecked), "", {}, 0
    yield ("login", "openai", CANARIES["argument"]), "", {}, 2
    for more in ((), ("--json",)):
        yield ("status", "--no-probe", "--all", *more), "", env, 0
        yield ("status", "openai", *more), "", env, 0
        yield ("explain", "openai", *more), "", env, 0
        yield ("explain", "groq", *more), "", env, 0
        yield ("auth", "list", *more), "", env, 0
        yield ("config", "show", *more), "", env, 0
        yield ("config", "validate", *more), "", env, 0
        yield ("config", "diff", *more), "", env, 0
        yield ("config", "check-patch", patch_file(cli), "--provider", "acme", *more), "", env, 0
        yield ("doctor", *more), "", env, 0
    yield ("doctor", "--fix"), "", env, 0
    yield ("logout", "openai", "--profile", "default"), "", {}, 0
    yield ("config", "undo"), "", {}, 0
    yield ("config", "undo", "--json"), "", {}, 0
    yield ("auth", "seal"), "", {}, 0
    yield ("login", "openai", "--key-stdin", unchecked, "--debug"), stdin, {}, 0
    yield ("status", "--no-probe"), "", {"JACKFIELD_MASTER_KEY": CANARIES["stdin"]}, 1


def test_no_canary_comes_out_anywhere(cli: Watched) -> None:
    assert len(CANARIES) >= 12
    told, statuses, expected = "", [], []
    with model_server(CANARIES["stdin"]) as server:
        for args, stdin, env, status in runs(cli, server.url):
            done = cli.run("--debug", *args, stdin=stdin, env=env)
            assert (args, hits(done.out), hits(done.err)) == (args, {}, {})
            # Doctor and status say with their exit status what they found; here it is about what they show.
            statuses.append((args, done.status if args[0] not in {"doctor", "status"} else status))
            expected.append((args, status))
            told += done.err
    assert statuses == expected
    assert "Traceback" in told  # --debug was on
    assert "DEBUG" in told  # and so was logging

    # Nothing that this program starts gets a secret: neither as an argument nor in its environment.
    events = [json.loads(line) for line in cli.log.read_text().splitlines()]
    children = [each for each in events if each[0] not in {"open", "os.putenv"}]
    assert [hits(json.dumps(each)) for each in children if hits(json.dumps(each))] == []
    assert [hits(each[1]) for each in events if hits(each[1])] == []
    # What was written is in the home; temporary files are gone, and the folder for them was not needed.
    written = {each[1] for each in events if each[0] == "open"}
    assert {each for each in written if each.startswith(str(cli.folder / "tmp"))} == set()
    assert list((cli.folder / "tmp").iterdir()) == []
    files = {name: data for name, data in cli.files().items() if not name.endswith(".pyc")}
    assert any(".bak" in name for name in files)
    for name, data in files.items():
        by_hand = BY_HAND if name.startswith("config.json5") else ()
        assert (name, hits(data, *by_hand)) == (name, {})


def test_the_canaries_are_found_where_they_are(cli: Watched) -> None:
    """The net catches each of them, in each form that an encoder gives."""
    for name, secret in CANARIES.items():
        for form in (
            secret,
            base64.b64encode(secret.encode()).decode(),
            base64.urlsafe_b64encode(b"x" + secret.encode()).decode(),
            quote(secret, safe=""),
            json.dumps({"key": secret}),
            secret.encode().hex(),
        ):
            assert name in hits(f"before {form} after"), (name, form)
    # And the sealed store holds them, as the program itself sees it.
    cli.run("login", "--zai-api-key", CANARIES["flag"], "--no-verify")
    assert cli.secret("zai:default") == CANARIES["flag"]


def test_a_store_that_is_not_sealed_holds_them_until_it_is(cli: Watched) -> None:
    cli.store_file.unlink()
    plain = {"JACKFIELD_MASTER_KEY": ""}
    assert cli.run("login", "--zai-api-key", CANARIES["flag"], "--no-verify", env=plain).status == 0
    assert cli.run("login", "--zai-api-key", CANARIES["stdin"], "--no-verify", env=plain).status == 0
    assert set(hits(cli.store_bytes())) == {"flag", "stdin"}

    sealed = cli.run("auth", "seal", "--json", env={"JACKFIELD_MASTER_KEY": MASTER_KEY})

    # One credential, and the records of two logins, of which the second holds the key that it replaced.
    assert (sealed.status, sealed.json["rows"]) == (0, 3)
    assert hits(cli.store_bytes()) == {}
    assert cli.secret("zai:default") == CANARIES["stdin"]
    assert cli.run("config", "undo").status == 0
    assert cli.secret("zai:default") == CANARIES["flag"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="reads /proc")
def test_a_login_does_not_hand_its_key_on_to_itself(cli: Watched) -> None:
    """A key from standard input appears neither among the arguments nor in the environment of the process."""
    with cli.start("login", "openai", "--key-stdin", "--no-verify", stderr=subprocess.DEVNULL) as child:
        assert child.stdin is not None
        child.stdin.write(CANARIES["stdin"].encode())
        child.stdin.flush()
        for name in ("cmdline", "environ"):
            assert hits(Path(f"/proc/{child.pid}/{name}").read_bytes()) == {}
        child.stdin.close()
        assert child.wait(60) == 0
