"""Login end to end: the program as a process of its own, a real model server, a config file with a life of its own."""

from __future__ import annotations

import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

import pytest

from jackfield.config.document import Document
from jackfield.providers.registry import ProviderRegistry
from jackfield.providers.views import api_key_specs
from support.cli import RIGHT_KEY, WRONG_KEY, Cli, InProcess, Result, leaks, model_server, sent_key
from support.servers import HttpServer, answering, holding, refusing_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jackfield.providers.views.api_key_specs import ApiKeySpec

# Comments, odd quoting, trailing commas, tabs, a line end of another system, and keys that are other programs'.
CONFIG = (
    "// my settings \u2013 h\u00e4ndisch gepflegt\n"
    "{\n"
    "\t'gateway': { port: 18789, bind: \"loopback\", }, /* theirs */\r\n"
    "  \"channels\" : {telegram:{botToken:'123:abc',},},\n"
    "  models: {\n"
    "    // mine\n"
    "    providers: { 'groq': { apiKey: \"${GROQ_API_KEY}\", } },\n"
    "  },\n"
    "  agents: { defaults: { model: { primary: 'zai/glm-4.7', fallbacks: [] , }, workspace: '~/w' } },\n"
    "  unquoted_hex: 0xFF, plus: +1, half: .5,\n"
    "}\n"
    "// the end"
)


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    found = Cli(tmp_path)
    found.write_config(CONFIG)
    return found


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> InProcess:
    found = InProcess(tmp_path, monkeypatch, capsys)
    found.write_config(CONFIG)
    return found


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with model_server(RIGHT_KEY) as opened:
        yield opened


def changed_lines(before: str, after: str) -> tuple[list[str], list[str]]:
    """Return the lines that went and the lines that came."""
    old, new = before.split("\n"), after.split("\n")
    gone, come = [], []
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if kind != "equal":
            gone += old[old_from:old_to]
            come += new[new_from:new_to]
    return gone, come


def no_leak(cli: Cli, result: Result, *secrets: str) -> None:
    """Assert that no secret stands in what was printed or in any file."""
    for secret in secrets:
        assert leaks(result.out, secret) == []
        assert leaks(result.err, secret) == []
        assert {name for name, data in cli.files().items() if leaks(data, secret)} == set()


def untouched(cli: Cli) -> None:
    assert cli.config_text() == CONFIG
    assert set(cli.files()) == {"config.json5"}


def test_a_right_key_is_kept_and_only_the_intended_lines_of_the_config_differ(cli: Cli, server: HttpServer) -> None:
    result = cli.run("login", "openai", "--key-stdin", "--base-url", f"{server.url}/v1", "--json", stdin=RIGHT_KEY)

    assert (result.status, result.err) == (0, "")
    assert result.json["profiles"] == ["openai:default"]
    assert result.json["verified"] is True
    assert result.json["verdict"] == {"state": "accepted", "message": "The provider accepts the credential."}
    assert result.json["changed"] == [
        ["models", "providers", "openai", "baseUrl"],
        ["models", "providers", "openai", "models"],
        ["auth", "profiles", "openai:default"],
    ]
    assert [(each.method, each.target, sent_key(each)) for each in server.requests] == [
        ("GET", "/v1/models", RIGHT_KEY)
    ]
    assert cli.secret("openai:default") == RIGHT_KEY
    gone, come = changed_lines(CONFIG, cli.config_text())
    assert gone == ["    providers: { 'groq': { apiKey: \"${GROQ_API_KEY}\", } },"]
    assert [line.strip() for line in come] == [
        "providers: {",
        "'groq': { apiKey: \"${GROQ_API_KEY}\", },",
        "'openai': {",
        f"'baseUrl': \"{server.url}/v1\",",
        "'models': [],",
        "},",
        "},",
        "auth: {",
        "profiles: {",
        '"openai:default": {',
        'provider: "openai",',
        'mode: "api_key",',
        "},",
        "},",
        "},",
    ]
    value = Document.parse(cli.config_file.read_bytes(), name="config").value
    before = Document.parse(CONFIG.encode(), name="config").value
    assert isinstance(value, dict)
    assert isinstance(before, dict)
    assert value.pop("auth") == {"profiles": {"openai:default": {"provider": "openai", "mode": "api_key"}}}
    assert value["models"]["providers"].pop("openai") == {"baseUrl": f"{server.url}/v1", "models": []}
    assert value == before
    no_leak(cli, result, RIGHT_KEY)


def test_what_is_written_is_for_its_owner_alone(cli: Cli, server: HttpServer) -> None:
    mode = cli.config_file.stat().st_mode

    cli.run("login", "openai", "--key-stdin", "--base-url", f"{server.url}/v1", stdin=RIGHT_KEY)

    assert cli.config_file.stat().st_mode == mode
    if os.name == "posix":
        assert stat.S_IMODE(cli.store_file.stat().st_mode) == 0o600


def test_a_wrong_key_is_refused_in_the_providers_words_and_nothing_is_written(cli: Cli, server: HttpServer) -> None:
    result = cli.run("--debug", "login", "openai", "--key-stdin", "--base-url", f"{server.url}/v1", stdin=WRONG_KEY)

    assert (result.status, result.out) == (1, "")
    assert "Error: The provider refused the credential (401): Incorrect API key provided: …" in result.err
    assert "Ask for another one." in result.err
    assert "Traceback" in result.err  # --debug shows where it came from, without values
    assert len(server.requests) == 1
    untouched(cli)
    no_leak(cli, result, WRONG_KEY)


def test_a_wrong_key_leaves_the_store_as_it_was(cli: Cli, server: HttpServer) -> None:
    address = ("--base-url", f"{server.url}/v1")
    cli.run("login", "openai", "--key-stdin", *address, stdin=RIGHT_KEY)
    before = cli.files()

    result = cli.run("login", "openai", "--key-stdin", *address, "--profile", "two", stdin=WRONG_KEY)

    assert result.status == 1
    assert cli.files() == before


@pytest.mark.parametrize(
    "pasted",
    [
        RIGHT_KEY,
        f"{RIGHT_KEY}\n",
        f"  {RIGHT_KEY}  \r\n",
        f'export OPENAI_API_KEY="{RIGHT_KEY}"\n',
        f"export OPENAI_API_KEY='{RIGHT_KEY}';\n",
        f"OPENAI_API_KEY=`{RIGHT_KEY}`",
        f"\ufeff{RIGHT_KEY}",
    ],
    ids=["plain", "line", "spaces", "export", "semicolon", "backticks", "byte-order-mark"],
)
def test_a_key_may_come_as_people_copy_it(inside: InProcess, server: HttpServer, pasted: str) -> None:
    result = inside.call("login", "openai", "--key-stdin", "--base-url", f"{server.url}/v1", stdin=pasted)

    assert result.status == 0
    assert [sent_key(each) for each in server.requests] == [RIGHT_KEY]
    assert inside.secret("openai:default") == RIGHT_KEY


def test_the_ways_to_hand_over_a_key(inside: InProcess, server: HttpServer, tmp_path: Path) -> None:
    base = ("--base-url", f"{server.url}/v1")
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps([RIGHT_KEY]))
    chosen = tmp_path / "chosen.json"
    chosen.write_text(json.dumps(["openai-api-key", RIGHT_KEY]))

    ways = [
        (("login", "openai", "--key-stdin", *base), RIGHT_KEY),
        (("login", "openai", "--openai-api-key", RIGHT_KEY, *base), ""),
        (("login", "--openai-api-key", RIGHT_KEY, *base), ""),
        (("login", "openai-api-key", "--key-stdin", *base), RIGHT_KEY),
        (("login", "--auth-choice", "openai-api-key", "--openai-api-key", RIGHT_KEY, *base), ""),
        (("login", "openai", "--answers", str(answers), *base), ""),
        (("login", "openai", "--answers", "-", *base), json.dumps([RIGHT_KEY])),
        (("login", "--answers", str(chosen), *base), ""),
        (("login", "--answers", "-", *base), json.dumps(["OpenAI API key", RIGHT_KEY])),
    ]
    for number, (args, stdin) in enumerate(ways):
        result = inside.call(*args, "--profile", f"way-{number}", stdin=stdin)
        assert (result.status, result.out) == (0, "")
        assert f"Logged in to OpenAI as openai:way-{number}." in result.err
        assert inside.secret(f"openai:way-{number}") == RIGHT_KEY
        no_leak(inside, result, RIGHT_KEY)


def test_a_key_of_the_environment_is_used_when_the_script_agrees(inside: InProcess, server: HttpServer) -> None:
    result = inside.call(
        "login",
        "openai",
        "--answers",
        "-",
        "--base-url",
        f"{server.url}/v1",
        stdin="[true]",
        env={"OPENAI_API_KEY": RIGHT_KEY},
    )

    assert result.status == 0
    assert inside.secret("openai:default") == RIGHT_KEY


def test_profile_model_and_default_are_written_as_asked(inside: InProcess, server: HttpServer) -> None:
    result = inside.call(
        "login",
        "zai",
        "--key-stdin",
        "--base-url",
        f"{server.url}/v1",
        "--profile",
        "me@example.org",
        "--model",
        "glm-5",
        "--json",
        stdin=RIGHT_KEY,
    )

    assert (result.json["profiles"], result.json["default_model"]) == (["zai:me@example.org"], "zai/glm-5")
    after = inside.config_text()
    assert "primary: 'zai/glm-5'" in after or 'primary: "zai/glm-5"' in after
    assert "fallbacks: [] , }, workspace: '~/w' } }," in after
    assert inside.call("login", "zai", "--key-stdin", "--no-verify", "--set-default", stdin=RIGHT_KEY).status == 0
    with inside.app() as app:
        assert app.require_config().settings.default_model == "zai/glm-4.7"


def test_a_tokens_lifetime_is_kept(inside: InProcess) -> None:
    token = "sk-ant-oat01-" + "a" * 80

    result = inside.call("login", "token", "--token", token, "--token-expires-in", "2h", "--no-verify", "--json")

    (row,) = inside.call("auth", "list", "--json").json
    assert result.json["profiles"] == ["anthropic:default"]
    assert (row["kind"], row["expires"] - row["created"] <= 7_200_000) == ("token", True)
    assert row["expires"] - row["created"] > 7_190_000
    no_leak(inside, result, token)


# Its list of models is open to all, so that behind another address than its own no free request tells a key.
UNCHECKED = {"opencode"}
SPECS = [each for each in api_key_specs(ProviderRegistry.with_core().snapshot()) if each.kind in {"api_key", "token"}]


def test_the_view_of_keys_is_not_empty() -> None:
    assert len(SPECS) > 12


@pytest.mark.parametrize("spec", SPECS, ids=lambda each: each.choice)
def test_every_core_provider_with_a_key_can_be_logged_in_to(inside: InProcess, spec: ApiKeySpec) -> None:
    key = (spec.prefix or "") + RIGHT_KEY + "x" * spec.min_length
    checked = spec.provider not in UNCHECKED
    with model_server(key) as server:
        base = ("--method", spec.method, "--base-url", f"{server.url}/v1", "--json")
        if checked:
            refused = inside.call("login", spec.provider, *base, "--key-stdin", stdin=f"{key}-wrong")
            assert (refused.status, refused.code) == (1, "credential.refused")
            assert leaks(refused.out + refused.err, f"{key}-wrong") == []
            untouched(inside)

        taken = inside.call("login", spec.provider, *base, "--key-stdin", stdin=key)

    assert taken.status == 0
    assert taken.json["verified"] is checked
    assert (taken.json["verdict"] is None) is not checked
    (profile_id,) = taken.json["profiles"]
    assert profile_id.startswith(f"{spec.provider}:")
    assert inside.secret(profile_id) == key
    assert [sent_key(each) for each in server.requests] == ([f"{key}-wrong", key] if checked else [])
    no_leak(inside, taken, key)


@pytest.mark.parametrize("spec", [each for each in SPECS if each.flags], ids=lambda each: each.choice)
def test_every_key_flag_of_a_block_logs_in_to_its_provider(inside: InProcess, spec: ApiKeySpec) -> None:
    key = (spec.prefix or "") + RIGHT_KEY + "x" * spec.min_length

    result = inside.call("login", spec.flags[0], key, "--no-verify", "--json")

    assert result.json["provider"] == spec.provider
    assert inside.secret(result.json["profiles"][0]) == key


def test_a_key_flag_is_not_sent_to_another_provider(inside: InProcess, server: HttpServer) -> None:
    for args in (
        ("groq",),
        ("groq", "--method", "api-key"),
        ("anthropic",),
        ("apiKey",),
        ("--auth-choice", "zai-api-key"),
    ):
        result = inside.call("login", *args, "--openai-api-key", RIGHT_KEY, "--base-url", f"{server.url}/v1", "--json")
        assert (result.status, result.code) == (2, "login.foreign-key")
        assert result.error["message"].startswith("--openai-api-key is no key for ")
        no_leak(inside, result, RIGHT_KEY)
    assert server.connections == 0
    untouched(inside)


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_answer_that_tells_nothing_stores_nothing_unless_agreed(inside: InProcess, status: int) -> None:
    with HttpServer(answering(status)) as broken:
        base = ("login", "openai", "--base-url", f"{broken.url}/v1")
        alone = inside.call(*base, "--key-stdin", "--json", stdin=RIGHT_KEY)
        no = inside.call(*base, "--answers", "-", "--json", stdin=json.dumps([RIGHT_KEY, False]))
        untouched(inside)
        yes = inside.call(*base, "--answers", "-", "--json", stdin=json.dumps([RIGHT_KEY, True]))
        unasked = inside.call(*base, "--key-stdin", "--no-verify", "--profile", "b", "--json", stdin=RIGHT_KEY)

    assert [each.code for each in (alone, no)] == ["credential.unverified"] * 2
    assert [each.status for each in (alone, no, yes, unasked)] == [1, 1, 0, 0]
    assert (yes.json["verified"], yes.json["verdict"]["state"]) == (False, "undetermined")
    assert unasked.json["verdict"] is None
    assert inside.profile_ids() == ["openai:b", "openai:default"]


def test_a_server_that_is_down_stores_nothing(inside: InProcess) -> None:
    with refusing_port() as port:
        result = inside.call(
            "login", "openai", "--key-stdin", "--base-url", f"http://127.0.0.1:{port}/v1", stdin=RIGHT_KEY
        )

    assert result.status == 1
    assert f"http://127.0.0.1:{port} refuses connections. Nothing was stored." in result.err
    untouched(inside)


def test_a_slow_server_is_not_waited_for_without_end(inside: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jackfield.onboarding.VERIFY_DEADLINE_S", 0.2)
    with HttpServer(holding()) as slow:
        result = inside.call(
            "login", "openai", "--key-stdin", "--base-url", f"{slow.url}/v1", "--json", stdin=RIGHT_KEY
        )

    assert (result.status, result.code) == (1, "credential.unverified")
    untouched(inside)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "url.empty"),
        ("localhost:8080", "url.scheme"),
        ("file:///etc/passwd", "url.scheme"),
        ("http://169.254.169.254/", "url.forbidden-address"),
        ("http://api.acme.test/v1", "url.insecure"),
        ("https://u:p@api.acme.test", "url.userinfo"),
        ("https://api.acme.test/../v1", "url.dot-segment"),
        ("https://api.acme.test/\r\nX-Evil: 1", "url.control"),
        ("https://" + "a" * 10_000, "url.too-long"),
    ],
)
def test_a_hostile_base_url_is_refused_before_anything_is_sent(inside: InProcess, url: str, code: str) -> None:
    result = inside.call("login", "openai", "--key-stdin", "--base-url", url, "--json", stdin=RIGHT_KEY)

    assert result.status == 2
    assert code in {result.code, *(each["code"] for each in result.error["diagnostics"])}
    untouched(inside)


BAD_KEYS = {
    "empty": b"",
    "blank": b" \n\t\n",
    "two lines": b"sk-canary-one\nsk-canary-two",
    "control": b"sk-canary\x1b[31m-one",
    "zero": b"sk-canary\x00one",
    "unicode": "sk-canary-\u00fc\u0440".encode(),
    "direction": "sk-canary-\u202eeno".encode(),
    "long": b"k" * 10_000,
}


@pytest.mark.parametrize("data", BAD_KEYS.values(), ids=BAD_KEYS)
def test_what_is_no_key_is_refused_without_being_repeated_or_sent(
    inside: InProcess, server: HttpServer, data: bytes
) -> None:
    result = inside.call("login", "openai", "--key-stdin", "--base-url", f"{server.url}/v1", "--json", stdin=data)

    assert (result.status, result.code) == (2, "login.key-format")
    assert "canary" not in result.out + result.err
    assert server.connections == 0
    untouched(inside)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"k" * 1_048_577, "request.too-large"),
        (b"sk-\xff\xfe", "request.encoding"),
        (b"\xff" * 1_048_577, "request.too-large"),
    ],
    ids=["huge", "not UTF-8", "huge and not UTF-8"],
)
@pytest.mark.parametrize("flag", [("--key-stdin",), ("--answers", "-")], ids=["key", "answers"])
def test_input_that_is_no_text_is_refused(inside: InProcess, flag: tuple[str, ...], data: bytes, code: str) -> None:
    result = inside.call("login", "openai", *flag, "--no-verify", "--json", stdin=data)

    assert (result.status, result.code) == (2, code)
    untouched(inside)


def test_exactly_one_mebibyte_is_read(inside: InProcess) -> None:
    text = json.dumps([RIGHT_KEY]).ljust(1_048_576)

    assert inside.call("login", "openai", "--answers", "-", "--no-verify", stdin=text).status == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "answers.format"),
        (b"openai", "answers.format"),
        (b'{"key": "sk-canary-1"}', "answers.format"),
        (b'"sk-canary-1"', "answers.format"),
        (b"[", "answers.format"),
        (b"[" * 200_000, "answers.format"),
        (b"[]", "answers.too-few"),
        (b"[1, true, null]", "answers.too-few"),
        (b'["two words sk-canary-1"]', "answers.too-few"),
        (b"\xff\xfe", "request.encoding"),
        (b" " * 1_048_577, "request.too-large"),
    ],
)
def test_a_bad_answers_file_says_what_is_wrong(inside: InProcess, tmp_path: Path, text: bytes, code: str) -> None:
    file = tmp_path / "answers.json"
    file.write_bytes(text)

    result = inside.call("login", "openai", "--answers", str(file), "--no-verify", "--json")

    assert (result.status, result.code) == (2, code)
    assert "canary" not in result.out + result.err
    untouched(inside)


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_an_answers_file_that_cannot_be_read_is_named(inside: InProcess, tmp_path: Path, name: str) -> None:
    result = inside.call("login", "openai", "--answers", str(tmp_path / name), "--json")

    assert (result.status, result.code) == (2, "answers.unreadable")
    assert str(tmp_path / name).rstrip("/.") in result.error["message"]


def test_a_rejected_answer_is_told_and_the_next_one_taken(inside: InProcess) -> None:
    answers = json.dumps(["two words", 7, RIGHT_KEY, "left", "over"])

    result = inside.call("login", "openai", "--answers", "-", "--no-verify", stdin=answers)

    assert result.status == 0
    assert result.err.splitlines()[:2] == [
        (
            "Answer 1 to 'OpenAI API key' was rejected: A key has no white space, control characters or letters "
            "outside ASCII. Paste it again."
        ),
        "Answer 2 to 'OpenAI API key' was rejected: must be text",
    ]
    assert result.err.splitlines()[-1] == "2 of the answers were not asked for."


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Work", "openai:Work"),
        ("a:b", "openai:a:b"),
        ("\u00fcber", "openai:\u00fcber"),
        ("../../etc/passwd", "openai:../../etc/passwd"),
        ("'; DROP TABLE profiles; --".replace(" ", ""), "openai:';DROPTABLEprofiles;--"),
        ("\U0001f511", "openai:\U0001f511"),
        ("__proto__", "openai:__proto__"),
        ('q"uo\\te', 'openai:q"uo\\te'),
    ],
)
def test_odd_profile_names_are_kept_as_they_are(inside: InProcess, name: str, kept: str) -> None:
    result = inside.call("login", "openai", "--key-stdin", "--no-verify", "--profile", name, "--json", stdin=RIGHT_KEY)

    assert result.json["profiles"] == [kept]
    assert inside.profile_ids() == [kept]
    with inside.app() as app:
        assert [each.id for each in app.require_config().settings.profiles] == [kept]
    assert inside.call("logout", "openai", "--profile", name).status == 0
    assert inside.profile_ids() == []


@pytest.mark.parametrize("name", ["$(id)", "${HOME}"])
def test_a_name_that_another_program_might_expand_is_refused_and_nothing_is_written(
    inside: InProcess, name: str
) -> None:
    result = inside.call("login", "openai", "--key-stdin", "--no-verify", "--profile", name, "--json", stdin=RIGHT_KEY)

    assert (result.status, result.code) == (2, "login.refused")
    assert leaks(result.out, RIGHT_KEY) == []
    untouched(inside)


@pytest.mark.parametrize("name", ["", " ", "a b", "a\nb", "a\x00b", "a\x1b[31mb", "\u202ex", "n" * 201])
def test_a_name_that_cannot_name_a_profile_writes_nothing(inside: InProcess, name: str) -> None:
    result = inside.call("login", "openai", "--key-stdin", "--no-verify", "--profile", name, "--json", stdin=RIGHT_KEY)

    assert (result.status, result.code) == (2, "login.profile-name")
    untouched(inside)


def test_eight_logins_at_once_are_all_kept(cli: Cli, server: HttpServer) -> None:
    names = [f"p{number}" for number in range(8)]
    base = ("--base-url", f"{server.url}/v1")

    def log_in(name: str) -> Result:
        return cli.run("login", "openai", "--key-stdin", *base, "--profile", name, stdin=RIGHT_KEY)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(log_in, names))

    assert [(each.status, each.out) for each in results] == [(0, "")] * 8
    assert cli.profile_ids() == [f"openai:{name}" for name in names]
    with cli.app() as app:
        settings = app.require_config().settings
    assert sorted(each.id for each in settings.profiles) == [f"openai:{name}" for name in names]
    assert "// mine\n" in cli.config_text()
    assert cli.config_text().endswith("// the end")


def test_logins_and_logouts_at_once_leave_store_and_config_in_agreement(cli: Cli) -> None:
    for name in ("a", "b", "c"):
        assert cli.run("login", "openai", "--key-stdin", "--no-verify", "--profile", name, stdin=RIGHT_KEY).status == 0
    start = threading.Barrier(6)

    def log_in(name: str) -> int:
        start.wait()
        return cli.run("login", "openai", "--key-stdin", "--no-verify", "--profile", name, stdin=RIGHT_KEY).status

    def log_out(name: str) -> int:
        start.wait()
        return cli.run("logout", "openai", "--profile", name).status

    with ThreadPoolExecutor(6) as pool:
        came = [pool.submit(log_in, name) for name in ("d", "e", "f")]
        went = [pool.submit(log_out, name) for name in ("a", "b", "c")]
        statuses = [each.result() for each in (*came, *went)]

    assert statuses == [0] * 6
    assert cli.profile_ids() == ["openai:d", "openai:e", "openai:f"]
    with cli.app() as app:
        assert sorted(each.id for each in app.require_config().settings.profiles) == cli.profile_ids()


def test_a_home_that_is_a_file_is_an_error_and_the_file_stays(inside: InProcess, tmp_path: Path) -> None:
    home = tmp_path / "no-folder"
    home.write_text("mine")

    result = inside.call(
        "login", "openai", "--key-stdin", "--no-verify", "--json", stdin=RIGHT_KEY, env={"JACKFIELD_HOME": str(home)}
    )

    assert (result.status, result.code) == (1, "config.unreadable")
    assert home.read_text() == "mine"


def test_a_config_that_cannot_be_read_stops_the_login(inside: InProcess) -> None:
    inside.config_file.unlink()
    inside.config_file.mkdir()

    result = inside.call("login", "openai", "--key-stdin", "--no-verify", "--json", stdin=RIGHT_KEY)

    assert (result.status, result.code) == (1, "config.unreadable")
    assert not inside.store_file.exists()


def test_a_corrupt_store_is_kept_told_and_not_written(inside: InProcess) -> None:
    inside.store_file.write_bytes(b"this was a database once")

    result = inside.call("login", "openai", "--key-stdin", "--no-verify", "--json", stdin=RIGHT_KEY)

    assert (result.status, result.code) == (1, "store.unreadable")
    copies = [name for name in inside.files() if ".unreadable-" in name]
    assert len(copies) == 1
    assert copies[0] in result.error["message"]
    assert inside.files()[copies[0]] == inside.store_file.read_bytes() == b"this was a database once"
    assert inside.config_text() == CONFIG
    assert "rm " in result.error["fix"]


def test_without_anything_to_seal_with_the_user_is_told(inside: InProcess) -> None:
    result = inside.call(
        "login", "openai", "--key-stdin", "--no-verify", "--json", stdin=RIGHT_KEY, env={"JACKFIELD_MASTER_KEY": ""}
    )

    (warning,) = result.json["diagnostics"]
    assert (warning["code"], warning["severity"]) == ("store.plain", "warning")
    assert leaks(result.out + result.err, RIGHT_KEY) == []


def test_a_bad_master_key_writes_nothing(inside: InProcess) -> None:
    result = inside.call(
        "login",
        "openai",
        "--key-stdin",
        "--no-verify",
        "--json",
        stdin=RIGHT_KEY,
        env={"JACKFIELD_MASTER_KEY": "short"},
    )

    assert (result.status, result.code) == (1, "store.master-key")
    assert inside.config_text() == CONFIG
    assert inside.profile_ids() == []
