"""The page of JSON shapes lists exactly the fields that the commands print, with their types."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from docs.pages import PROJECT, enter_clean_home, rows_below, run_command
from jackfield.providers.views import VIEWS
from support.servers import HttpServer, answering

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = (PROJECT / "docs" / "reference" / "json.md").read_text(encoding="utf-8")
KINDS: dict[str, type | tuple[type, ...]] = {
    "text": str,
    "number": (int, float),
    "true or false": bool,
    "list": list,
    "object": dict,
    "true, text, number or list": (bool, str, int, list),
    "anything": object,
}
KEY = "sk-example-000000000000000000000000"
FAULTY = '{models: {mode: "mix", providers: {acme: {baseUl: "x"}}}}'
CONFIG = '{models: {providers: {inhouse: {baseUrl: "%s/v1", models: [{id: "writer"}]}}}}'


def shape_of(heading: str) -> dict[str, str]:
    """Return the documented fields below a heading: path to type."""
    return {row[0]: row[1] for row in rows_below(PAGE, heading)}


def fields_of(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield every field of a JSON value with the path that the page gives it."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from fields_of(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from fields_of(inner, f"{path}[]")


def fits(value: object, kind: str) -> bool:
    if value is None:
        return kind.endswith("?")
    wanted = KINDS[kind.removesuffix("?")]
    return isinstance(value, wanted) and (not isinstance(value, bool) or "true" in kind)


def undocumented(value: object, shape: dict[str, str], *, opaque: tuple[str, ...] = ()) -> list[str]:
    """Return the fields that the page lacks or gives another type; what is below `opaque` ones is passed over."""
    faults = []
    for path, inner in fields_of(value):
        below = any(path.startswith((f"{each}.", f"{each}[]")) for each in opaque)
        holder = isinstance(inner, dict) and any(each.startswith(f"{path}.") for each in shape)
        if re.fullmatch(r"(\[\])+", path) or below or (holder and path not in shape):
            continue
        if path not in shape or not fits(inner, shape[path]):
            faults.append(f"{path}: {json.dumps(inner)[:60]} is not {shape.get(path, 'listed')}")
    return faults


def unseen(value: object, shape: dict[str, str], *, rare: tuple[str, ...] = ()) -> set[str]:
    """Return the documented fields that `value` does not have, but for `rare` ones."""
    return set(shape) - {path for path, _ in fields_of(value)} - set(rare)


def below(name: str, shape: dict[str, str]) -> list[str]:
    """Return the documented fields of the items of a list, which may be empty."""
    return [each for each in shape if each.startswith(f"{name}[]")]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    enter_clean_home(tmp_path, monkeypatch)
    folder = tmp_path / "jackfield"
    folder.mkdir()
    return folder


def ask(*args: str, stdin: str = "", status: int = 0) -> Any:
    ended, printed = run_command([*args, "--json"], stdin)
    assert ended == status, printed
    start = min(place for place in (printed.find("{"), printed.find("[")) if place >= 0)
    return json.loads(printed[start:])


def test_every_command_with_json_has_a_section() -> None:
    commands = [line.removeprefix("## ") for line in PAGE.splitlines() if line.startswith("## jackfield")]
    assert [each for each in commands if each.startswith("jackfield providers view ")] == [
        f"jackfield providers view {name}" for name in sorted(VIEWS)
    ]
    cli = (PROJECT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    with_json = {part.partition("\n")[0] for part in cli.split("\n## ")[1:] if "\n  --json " in part}
    plain = {each.partition(" view ")[0] + " view" if " view " in each else each for each in commands}
    assert with_json == plain


def test_a_login_and_everything_after_it_prints_the_shapes_of_the_page(home: Path) -> None:
    answer = answering(200, b'{"data": []}', {"Content-Type": "application/json"})
    with HttpServer(answer) as server:
        (home / "config.json5").write_text(CONFIG % server.url, encoding="utf-8")
        done = ask("login", "inhouse", "--key-stdin", "--model", "writer", stdin=KEY)
        assert undocumented(done, shape_of("jackfield login")) == []
        rare = ("notes[]", *below("consents", shape_of("jackfield login")))
        assert unseen(done, shape_of("jackfield login"), rare=rare) == set()
        assert KEY not in json.dumps(done)

        seen = ask("status", "inhouse", "groq")
        assert undocumented(seen, shape_of("jackfield status")) == []
        assert unseen(seen, shape_of("jackfield status")) == set()

    profiles = ask("auth", "list")
    assert undocumented(profiles, shape_of("jackfield auth list")) == []
    assert unseen(profiles, shape_of("jackfield auth list")) == set()
    assert KEY not in json.dumps(profiles)

    order = ask("auth", "order", "inhouse", "default")
    assert order == {"provider": "inhouse", "explicit": True, "order": ["inhouse:default"]}
    assert undocumented(order, shape_of("jackfield auth order")) == []
    assert unseen(order, shape_of("jackfield auth order")) == set()

    gone = ask("logout", "inhouse")
    assert undocumented(gone, shape_of("jackfield logout")) == []
    assert unseen(gone, shape_of("jackfield logout")) == set()


def test_what_a_login_did_is_shown_and_taken_back_in_the_shapes_of_the_page(home: Path) -> None:
    (home / "config.json5").write_text('{models: {providers: {openai: {baseUrl: "https://one.example.com"}}}}')
    login = ("login", "openai", "--key-stdin", "--no-verify", "--base-url", "https://two.example.com")
    dry = ask(*login, "--dry-run", stdin=KEY)
    assert undocumented(dry, shape_of("jackfield login")) == []
    consent = {"code": "", "path": "", "path[]": "", "question": "", "accepted": ""}
    assert unseen(dry["consents"][0], consent) == set()
    assert isinstance(dry["diff"], str)
    ask(*login, stdin=KEY)

    for args in (("config", "diff"), ("config", "undo")):
        found, shape = ask(*args), shape_of(f"jackfield {' '.join(args)}")
        assert undocumented(found, shape) == []
        assert unseen(found, shape) == set()

    assert ask("auth", "seal").keys() == shape_of("jackfield auth seal").keys()


def test_an_import_has_the_documented_shape(home: Path, tmp_path: Path) -> None:
    older, shape = tmp_path / "older", shape_of("jackfield import openclaw")
    (older / "credentials").mkdir(parents=True)
    (older / "auth.json").write_text(json.dumps({"openai": {"type": "api_key", "key": KEY}, "a b": {}}))
    (older / "credentials" / "oauth.json").write_text(json.dumps({"chutes": {"access": KEY, "refresh": KEY}}))
    entry = {"baseUrl": "http://10.0.0.5:8000/v1", "authHeader": True}
    (older / "openclaw.json").write_text(json.dumps({"models": {"providers": {"vllm": entry, "groq": entry}}}))
    found = ask("import", "openclaw", "--from", str(older), "--accept", "private-http")
    assert undocumented(found, shape) == []
    assert unseen(found, shape) == set()
    assert {each["state"] for each in found["profiles"]} == {"taken", "skipped"}
    assert KEY not in json.dumps(found)
    (older / "auth.json").write_text("{")
    broken = ask("import", "openclaw", "--from", str(older), status=1)
    assert undocumented(broken["diagnostics"][0], shape_of("Diagnostics")) == []


def test_every_source_of_an_import_has_the_same_shape(home: Path, tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text(json.dumps({"groq": KEY}))
    (tmp_path / "keys.env").write_text(f"GROQ_API_KEY={KEY}\n")
    (tmp_path / "config.yaml").write_text("model_list: [{model_name: x, litellm_params: {model: groq/y}}]\n")
    sources = {
        "env": ("--file", str(tmp_path / "keys.env")),
        "litellm": ("--file", str(tmp_path / "config.yaml")),
        "llm": ("--from", str(tmp_path)),
    }
    for name, args in sources.items():
        found = ask("import", name, *args, "--dry-run")
        assert undocumented(found, shape_of(f"jackfield import {name}")) == []
        assert found["source"] == name
        assert KEY not in json.dumps(found)


PLUGIN = """
print("hello")

def register(api):
    api.register_provider({"id": "acme", "label": "Acme", "aliases": ["acme-ai"], "envVars": ["ACME_KEY"], "auth": [
        {"id": "key", "label": "Acme key", "kind": "api_key", "run": lambda ctx: {"profiles": []}},
    ]})
"""


def test_plugins_are_told_in_the_documented_shapes(home: Path) -> None:
    made = ask("plugins", "new", "roadrunner")
    assert undocumented(made, shape_of("jackfield plugins new")) == []
    assert unseen(made, shape_of("jackfield plugins new")) == set()
    (home / "plugins" / "acme.py").write_text(PLUGIN)
    (home / "plugins" / "broken.py").write_text("1 / 0")
    listed, shape = ask("plugins", "list"), shape_of("jackfield plugins list")
    assert undocumented(listed, shape) == []
    assert unseen(listed, shape) == set()
    shown, shape = ask("plugins", "show", "acme"), shape_of("jackfield plugins show")
    assert undocumented(shown, shape) == []
    assert unseen(shown, shape, rare=("providers[]",)) == set()
    examined, shape = ask("plugins", "doctor", status=1), shape_of("jackfield plugins doctor")
    assert undocumented(examined, shape, opaque=("plugins[].diagnostics",)) == []
    assert unseen(examined, shape) == set()
    faults = [fault for each in examined["plugins"] for fault in each["diagnostics"]]
    assert undocumented(faults[0], shape_of("Diagnostics")) == []
    for verb in ("disable", "enable"):
        switched, shape = ask("plugins", verb, "acme"), shape_of(f"jackfield plugins {verb}")
        assert undocumented(switched, shape) == []
        assert unseen(switched, shape) == set()


def test_what_the_doctor_finds_has_the_documented_shape(home: Path) -> None:
    profiles = '{profiles: {"openai:gone": {provider: "openai", mode: "api_key"}}}'
    (home / "config.json5").write_text(f'{{agents: {{defaults: {{model: "openai/gpt-5"}}}}, auth: {profiles}}}')
    found, shape = ask("doctor", status=1), shape_of("jackfield doctor")
    assert undocumented(found, shape) == []
    assert unseen(found, shape, rare=("fixed[]",)) == set()
    mended = ask("doctor", "--fix", status=1)
    assert undocumented(mended, shape) == []
    assert mended["fixed"] != []


def test_what_a_patch_may_change_has_the_documented_shape(home: Path) -> None:
    config = home / "config.json5"
    config.write_text('{models: {providers: {acme: {baseUrl: "https://one.example.com"}}}}')
    patch = '{"gateway": {}, "models": {"providers": {"acme": {"baseUrl": "https://two.example.com"}}}}'
    found = ask("config", "check-patch", "-", "--provider", "acme", "--current", str(config), stdin=patch, status=1)
    shape = shape_of("jackfield config check-patch")
    assert undocumented(found, shape) == []
    assert unseen(found, shape) == set()


def test_a_login_that_is_not_checked_has_no_verdict(home: Path) -> None:
    done = ask("login", "openai", "--key-stdin", "--no-verify", stdin=KEY)
    assert undocumented(done, shape_of("jackfield login")) == []
    assert done["verdict"] is None
    assert done["verified"] is False


def test_explain_has_settings_sources_and_shared_variables(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = shape_of("jackfield explain")
    (home / "config.json5").write_text(
        '{$include: "./shared.json5", '
        'models: {providers: {openai: {baseUrl: "https://gateway.example.com/v1", apiKey: "${NOT_SET}"}}}}'
    )
    (home / "shared.json5").write_text('{models: {providers: {openai: {baseUrl: "https://other.example.com/v1"}}}}')
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    found = ask("explain", "openai")
    assert undocumented(found, shape) == []
    assert [each["wins"] for each in found["sources"]] == [True, False]
    assert found["sources"][1]["reason"] is not None
    rare = {each for each in shape if each.startswith("shared_variables[]")}
    assert unseen(found, shape, rare=tuple(rare)) == set()


def test_shared_variables_name_the_other_providers() -> None:
    shape = shape_of("jackfield explain")
    sample = {"shared_variables": [{"name": "A", "providers": ["b"]}]}
    assert undocumented(sample, shape) == []
    assert unseen(sample, {each: kind for each, kind in shape.items() if each.startswith("shared_variables")}) == set()


def test_the_places_of_files_are_printed(home: Path) -> None:
    (home / "config.json5").write_text("{$include: './part.json5'}", encoding="utf-8")
    (home / "part.json5").write_text("{}", encoding="utf-8")
    found = ask("config", "path")
    assert undocumented(found, shape_of("jackfield config path")) == []
    assert unseen(found, shape_of("jackfield config path")) == set()
    assert found["config"] == str(home / "config.json5")


def test_validate_prints_diagnostics_of_the_documented_shape(home: Path) -> None:
    (home / "config.json5").write_text(FAULTY.replace("{", "{$include: './part.json5', ", 1), encoding="utf-8")
    (home / "part.json5").write_text("{}", encoding="utf-8")
    found = ask("config", "validate", status=1)
    assert undocumented(found, shape_of("jackfield config validate"), opaque=("diagnostics",)) == []
    assert unseen(found, shape_of("jackfield config validate")) == set()
    shape = shape_of("Diagnostics")
    assert {each["severity"] for each in found["diagnostics"]} == {"error", "warning"}
    for each in found["diagnostics"]:
        assert undocumented(each, shape) == []
        assert unseen(each, shape) == set()


def test_config_show_is_the_config_itself_without_secrets(home: Path) -> None:
    config = {"models": {"providers": {"openai": {"apiKey": KEY}}}, "theirs": 1}
    (home / "config.json5").write_text(json.dumps(config), encoding="utf-8")
    assert ask("config", "show") == {"models": {"providers": {"openai": {"apiKey": "…"}}}}


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (("login", "opnai"), 2),
        (("login", "openai"), 2),
        (("logout",), 1),
        (("providers", "show", "opnai"), 2),
        (("statuss",), 2),
        (("status", "--no-such"), 2),
    ],
)
def test_errors_have_the_documented_shape(args: tuple[str, ...], status: int, home: Path) -> None:
    found, shape = ask(*args, status=status), shape_of("Errors")
    assert undocumented(found, shape) == []
    rare = () if "suggestions" in found["error"] else ("error.suggestions", "error.suggestions[]")
    assert unseen(found, shape, rare=rare) == set()


def test_the_list_of_providers_has_the_documented_shape(home: Path) -> None:
    found, shape = ask("providers", "list"), shape_of("jackfield providers list")
    assert undocumented(found, shape) == []
    assert unseen(found, shape) == set()


def test_a_provider_is_printed_with_every_field_of_its_block(home: Path) -> None:
    shape = shape_of("jackfield providers show")
    opaque = tuple(name for name, kind in shape.items() if kind.startswith(("list", "object")))
    for each in ("openai", "ollama", "qwen", "github-copilot"):
        found = ask("providers", "show", each)
        assert undocumented(found, shape, opaque=opaque) == []
        assert unseen(found, shape) == set()


@pytest.mark.parametrize("name", sorted(VIEWS))
def test_the_rows_of_a_view_have_the_documented_shape(name: str, home: Path) -> None:
    found, shape = ask("providers", "view", name), shape_of(f"jackfield providers view {name}")
    assert undocumented(found, shape) == []
    # Which providers share a variable changes with the blocks: today's may share none.
    assert unseen(found, shape, rare=("[].shared_with[]",)) == set()


@pytest.mark.parametrize(
    ("value", "shape", "faults"),
    [
        ({"a": 1}, {"a": "number"}, 0),
        ({"a": 1}, {"a": "text"}, 1),
        ({"a": True}, {"a": "number"}, 1),
        ({"a": None}, {"a": "number"}, 1),
        ({"a": None}, {"a": "number?"}, 0),
        ({"a": 1, "b": 2}, {"a": "number"}, 1),
        ([{"a": ["x"]}], {"[].a": "list", "[].a[]": "text"}, 0),
        ([{"a": ["x"]}], {"[].a": "list"}, 1),
        ({"a": {"b": "x"}}, {"a.b": "text"}, 0),
        ({"a": None}, {"a.b": "text"}, 1),
    ],
)
def test_a_field_that_is_not_listed_or_of_another_type_is_told(
    value: object, shape: dict[str, str], faults: int
) -> None:
    assert len(undocumented(value, shape)) == faults
