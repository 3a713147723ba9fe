"""Reading a config file with every fault placed, and what a commit leaves of it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jackfield import _files
from jackfield.commits import Commits, Draft
from jackfield.config.document import Document
from jackfield.config.file import (
    Change,
    LoadedConfig,
    apply_changes,
    invalid_config,
    load_config,
)
from jackfield.config.overlay import config_providers
from jackfield.config.settings import Settings
from jackfield.credentials.store import CredentialStore
from jackfield.diagnostics import Diagnostic
from jackfield.errors import ConfigError
from jackfield.providers.registry import ProviderRegistry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

EXISTING = """\
// Written by hand over two years; other programs read it too.
{
  $schema: "https://example.test/schema.json",
  $include: "./machine.json5",
  meta: { lastTouchedVersion: "2026.1.2", lastTouchedAt: "2026-01-02T03:04:05.000Z" },
  gateway: { port: 18789, mode: "local", auth: { token: "${GATEWAY_TOKEN}" } }, /* not ours */
  agents: {
    list: [
      { id: "main", default: true, workspace: "~/work" },
      { id: 7, tools: null },
    ],
    defaults: {
      workspace: "~/work",
      heartbeat: { every: "30m" },
      model: {
        primary: "zai/glm-4.7",
        fallbacks: ["anthropic/claude-opus-4-5", "opus"], // the second is an old spelling
      },
      models: {
        "zai/glm-4.7": { alias: "GLM" },
        "anthropic/claude-opus-4-5": { alias: "opus", params: { temperature: 0.2 } },
        "local/qwen3:32b": {},
      },
    },
  },
  auth: {
    profiles: {
      "anthropic:default": { provider: "anthropic", mode: "oauth", email: "me@example.test" },
      'z-ai:work': { provider: "z-ai", mode: "api_key" },
    },
    order: {
      // work first
      "z.ai": ["z-ai:work", "zai:default"],
    },
    cooldowns: { billingBackoffHours: 5 },
  },
  models: {
    mode: "merge",
    bedrockDiscovery: { enabled: true, region: "eu-west-1", refreshInterval: 3600 },
    providers: {
      "z-ai": {
        baseUrl: "https://api.z.ai/api/paas/v4/",
        apiKey: "${ZAI_API_KEY}",
        api: "openai-completions",
        models: [],
      },
      local: {
        baseUrl: "http://127.0.0.1:8080/v1",
        apiKey: "n/a",
        auth: "api-key",
        authHeader: false,
        headers: { "X-Team": "blue" },
        models: [
          {
            id: "qwen3:32b",
            name: "Qwen 3 32B",
            reasoning: true,
            input: ["text", "image"],
            cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
            contextWindow: 131072,
            maxTokens: 0x2000,
            compat: { supportsDeveloperRole: false },
          },
        ],
      },
    },
  },
  channels: { "mail": { enabled: true, allowFrom: ["*"], retries: +Infinity } },
  plugins: {
    enabled: true,
    allow: ["voice-call"],
    load: { paths: ["~/plugins"] },
    slots: { memory: "memory-core" },
    entries: { "voice-call": { enabled: true, config: { number: "+49 30 0000", $x: null } } },
  },
  tools: {
    web: {
      search: { enabled: false },
    },
  },
  channels: { mail: { enabled: false } },
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.json5"


@pytest.fixture
def machine(path: Path) -> None:
    """Write what `EXISTING` takes in."""
    path.with_name("machine.json5").write_text("{ gateway: { port: 1 } }")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def load(path: Path, text: str) -> LoadedConfig:
    path.write_text(text, encoding="utf-8")
    return load_config(path)


@contextlib.contextmanager
def commits_of(path: Path) -> Iterator[Commits]:
    """Yield the commits of a config file, whose store lies in a folder of its own."""
    folder = path.parent.with_name(f"{path.parent.name}-store")
    with CredentialStore(folder / "credentials.sqlite3", clock=lambda: 1) as store:
        yield Commits(path, store, lambda: 1)


def commit_planned(path: Path, plan: Callable[[LoadedConfig], Iterable[Change]]) -> None:
    with commits_of(path) as commits:
        commits.commit("user", "a change", lambda config: Draft(tuple(plan(config))))


def commit(path: Path, *changes: Change) -> str:
    """Commit changes and return the text that the file has then, or that an empty config has where there is none."""
    commit_planned(path, lambda _: changes)
    return load_config(path).document.text


def refused(path: Path, *changes: Change) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        commit(path, *(changes or (Change(("models", "mode"), "replace"),)))
    return caught.value


def placed(loaded: LoadedConfig) -> list[tuple[str, str, int | None, int | None]]:
    return [(each.code, each.severity, each.line, each.column) for each in loaded.diagnostics]


# --- loading ---------------------------------------------------------------------------------------------------------


def test_a_missing_file_reads_as_an_empty_config(path: Path) -> None:
    loaded = load_config(path)
    assert (loaded.path, loaded.exists, loaded.document.value, loaded.diagnostics) == (path, False, {}, ())
    assert loaded.settings == Settings()
    loaded.require_valid()
    assert not path.exists()


@pytest.mark.parametrize("text", ["{}", " // nothing\n{ /* here */ }\n", "\ufeff{}"])
def test_an_empty_object_is_a_config_without_faults(path: Path, text: str) -> None:
    loaded = load(path, text)
    assert (loaded.exists, loaded.document.text, loaded.diagnostics) == (True, text, ())


@pytest.mark.usefixtures("machine")
def test_the_file_of_another_program_loads_without_errors(path: Path) -> None:
    assert EXISTING.count("\n") > 80
    loaded = load(path, EXISTING)
    loaded.require_valid()
    assert loaded.document.text == EXISTING
    line = (
        EXISTING.splitlines().index(
            '        fallbacks: ["anthropic/claude-opus-4-5", "opus"], // the second is an old spelling'
        )
        + 1
    )
    assert placed(loaded) == [
        ("config.bare-model", "warning", line, 50),
    ]


def test_the_file_of_another_program_is_understood(path: Path) -> None:
    settings = load(path, EXISTING).settings
    registry = ProviderRegistry.with_core()
    zai = registry.resolve_provider("zai")
    entry = settings.provider((zai.id, *zai.aliases))
    assert entry is not None
    assert (entry.key, entry.api_key, entry.base_url) == ("z-ai", "${ZAI_API_KEY}", "https://api.z.ai/api/paas/v4/")
    assert settings.order_of((zai.id, *zai.aliases)) == ("z-ai:work", "zai:default")
    assert (settings.default_model, settings.fallbacks) == ("zai/glm-4.7", ("anthropic/claude-opus-4-5", "opus"))
    assert settings.model_entries[0] == ("zai/glm-4.7", "GLM")
    assert [each.id for each in settings.profiles] == ["anthropic:default", "z-ai:work"]
    known = {name for each in registry.list_providers() for name in (each.id, *each.aliases)}
    blocks, faults = config_providers(settings, known.__contains__)
    assert faults == ()
    assert [(each.id, each.models[0].max_tokens) for each in blocks] == [("local", 8192)]


def test_a_line_and_column_are_those_of_the_key_in_the_file(path: Path) -> None:
    text = (
        "// a comment\n"
        "{ /* one */ models: { mode: 'both',\n"
        "\tproviders: {\n"
        "    // baseUrl: 'not this one'\n"
        "    'acme': { baseUrl: 5, \"apiKey\"\n"
        "      : null,\n"
        "      models: [ {id: 'ok'},\r\n"
        "        { name: 'x' }, 7 ] },\n"
        "  } },\n"
        "  auth: { order: { 'ключ': [] , acme: ['x', 5] } } }\n"
    )
    path.write_bytes(text.encode())
    assert placed(load_config(path)) == [
        ("config.value", "error", 2, 23),
        ("config.type", "error", 5, 15),
        ("config.type", "error", 5, 27),
        ("config.missing", "error", 8, 9),
        ("config.type", "error", 8, 24),
        ("config.key", "error", 10, 20),
        ("config.type", "error", 10, 45),
    ]


def test_a_fault_of_the_root_stands_at_its_start(path: Path) -> None:
    loaded = load(path, "// a list\n  [1, 2]")
    assert placed(loaded) == [("config.type", "error", 2, 3)]
    assert loaded.settings == Settings()


def test_numbers_where_names_belong_are_told_by_place(path: Path) -> None:
    loaded = load(
        path, "{models: {providers: {'7': {models: [{id: 7}]}}},\n auth: {profiles: {'7': 7}, order: {'7': [7]}}}"
    )
    assert [(each.code, each.path[-1]) for each in loaded.errors] == [
        ("config.type", "id"),
        ("config.key", "7"),
        ("config.type", "7"),
        ("config.type", "[0]"),
    ]


def test_keys_of_any_script_are_placed(path: Path) -> None:
    loaded = load(path, '{models: {"ключ": 1, "é": 2, "😀": 3, "\\u202e": 4}}')
    assert [(each.path, each.column) for each in loaded.diagnostics] == [
        (("models", "ключ"), 11),
        (("models", "é"), 22),
        (("models", "😀"), 30),
        (("models", "\u202e"), 38),
    ]
    assert "\u202e" not in str(loaded.diagnostics[3])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{models: {},\n models: {}}", [(2, 2)]),
        ("{agents: {}, agents: {}}", [(1, 14)]),
        ("{models: {mode: 'merge', mode: 'merge', mode: 'merge'}}", [(1, 26), (1, 41)]),
        ("{models: {providers: {a: {apiKey: 'x', apiKey: 'y'}}}}", [(1, 40)]),
        ("{agents: {defaults: {model: 'a/b', model: 'a/c'}}}", [(1, 36)]),
        ("{auth: {order: {a: []}, 'order': {}}}", [(1, 25)]),
        ("{plugins: {entries: {a: {}, a: {}}}}", [(1, 29)]),
        ("{voice: {x: 1, x: 2}}", [(1, 16)]),
        ("{$include: [], $include: []}", [(1, 16)]),
        ("{agents: {$include: [], $include: []}}", [(1, 25)]),
    ],
)
def test_a_repeated_key_in_our_part_is_an_error(path: Path, text: str, expected: list[tuple[int, int]]) -> None:
    loaded = load(path, text)
    assert placed(loaded) == [("config.duplicate-key", "error", *place) for place in expected]
    with pytest.raises(ConfigError) as caught:
        loaded.require_valid()
    assert caught.value.code == "config.invalid"


@pytest.mark.parametrize(
    "text",
    [
        "{channels: {}, channels: {}}",
        "{gateway: {a: 1, a: 2}}",
        "{agents: {list: [{id: 1, id: 2}]}}",
        "{agents: {defaults: {workspace: 1, workspace: 2}}}",
        "{channels: {$include: 'a', $include: 'b'}}",
        "{agents: {defaults: {modelsX: 1, modelsX: 2}}}",
    ],
)
def test_a_repeated_key_of_another_program_is_its_own_affair(path: Path, text: str) -> None:
    loaded = load(path, text)
    assert loaded.diagnostics == ()
    loaded.require_valid()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{$include: './a.json5'}", (1, 2)),
        ("{agents: {$include: './a.json5'}}", (1, 11)),
        ("{agents: {defaults: {$include: './a.json5'}}}", (1, 22)),
        ("{models: {providers: {$include: './a.json5'}}}", (1, 23)),
        ("{auth: {$include: ['./a.json5']}}", (1, 20)),
    ],
)
def test_a_missing_file_that_may_hold_our_part_is_an_error(path: Path, text: str, place: tuple[int, int]) -> None:
    loaded = load(path, text)
    assert placed(loaded) == [("config.include-missing", "error", *place)]
    with pytest.raises(ConfigError) as caught:
        loaded.require_valid()
    assert caught.value.code == "config.invalid"


@pytest.mark.parametrize("text", ["{agents: {list: [{$include: 'x'}]}}", "{channels: {$include: 'x'}}"])
def test_an_included_file_of_another_program_is_not_looked_for(path: Path, text: str) -> None:
    assert load(path, text).diagnostics == ()


def test_many_unknown_fields_are_all_told_with_their_places(path: Path) -> None:
    fields = "\n".join(f"  field{number}: {number}," for number in range(1_000))
    loaded = load(path, "{models: {providers: {acme: {\n" + fields + "\n}}}}")
    assert placed(loaded) == [("config.unknown-field", "warning", line + 2, 3) for line in range(1_000)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b" ", "config.syntax"),
        (b"// nothing yet\n", "config.syntax"),
        (b"{", "config.syntax"),
        (b"{models: }", "config.syntax"),
        (b"{a: 1} extra", "config.syntax"),
        (b"\xff\xfe{\x00}\x00", "config.encoding"),
        (b"{a: '\xff'}", "config.encoding"),
        (b"[" * 5_000, "config.too-deep"),
        (b" " * (9 * 1024 * 1024), "config.too-large"),
    ],
)
def test_what_cannot_be_read_as_json5_is_an_error_and_is_not_overwritten(path: Path, data: bytes, code: str) -> None:
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.code == code
    assert refused(path).code == code
    assert path.read_bytes() == data


def test_a_syntax_error_names_the_file(path: Path) -> None:
    path.write_text("{")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert str(path) in caught.value.message
    assert caught.value.diagnostics[0].line == 1


def test_a_folder_in_its_place_is_unreadable(path: Path) -> None:
    path.mkdir()
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.code == "config.unreadable"
    assert caught.value.message == f"{path} cannot be read: it is a folder."
    assert refused(path).code == "config.unreadable"
    assert list(path.iterdir()) == []


def test_a_file_in_the_place_of_its_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("x")
    path = tmp_path / "plain" / "config.json5"
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.code == "config.unreadable"
    assert refused(path).code == "config.write-failed"
    assert (tmp_path / "plain").read_text() == "x"


def test_a_link_to_itself_is_unreadable(path: Path) -> None:
    path.symlink_to(path.name)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert caught.value.code == "config.unreadable"


def test_all_errors_come_at_once_and_warnings_do_not_stop(path: Path) -> None:
    loaded = load(path, "{models: {mode: 'x', extra: 1, providers: []}}")
    assert [each.severity for each in loaded.diagnostics] == ["error", "warning", "error"]
    with pytest.raises(ConfigError) as caught:
        loaded.require_valid()
    assert caught.value.code == "config.invalid"
    assert caught.value.message == f"{path} has 2 errors; nothing was written."
    assert caught.value.diagnostics == loaded.errors
    assert "config validate" in str(caught.value.fix)


def test_one_error_is_told_in_the_singular(path: Path) -> None:
    fault = Diagnostic("config.type", "must be text, not null", path=("a",))
    assert invalid_config(path, [fault]).message == f"{path} has an error; nothing was written."


# --- changes ---------------------------------------------------------------------------------------------------------


def test_changes_are_made_in_order_and_none_removes() -> None:
    document = Document.parse("{a: {b: 1}, c: 2}")
    changed = apply_changes(
        document, [Change(("a", "b"), None), Change(("c",), 3), Change(("c",), None), Change(("d", "e"), [1])]
    )
    assert changed.value == {"a": {}, "d": {"e": [1]}}
    assert apply_changes(document, []) is document
    assert apply_changes(document, [Change(("nothing", "here"), None)]) is document


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("{a: {x: 1, /* why */ y: 2}}", {"x": 3, "y": 2}, "{a: {x: 3, /* why */ y: 2}}"),
        ("{a: {x: 1, /* why */ y: 2}}", {"x": 1, "y": 2}, "{a: {x: 1, /* why */ y: 2}}"),
        ("{a: {x: {z: 1}, /* why */ y: 2}}", {"x": {"z": 5}, "y": 2}, "{a: {x: {z: 5}, /* why */ y: 2}}"),
        ("{a: {x: 1}}", [1], "{a: [1]}"),
        ("{a: [1]}", {}, "{a: {}}"),
    ],
)
def test_an_object_in_the_place_of_an_object_is_written_field_by_field(text: str, value: object, expected: str) -> None:
    assert apply_changes(Document.parse(text), [Change(("a",), value)]).text == expected


def test_fields_that_the_new_object_lacks_go() -> None:
    changed = apply_changes(Document.parse("{a: {x: 1, y: {z: 1}}, b: 2}"), [Change(("a",), {"y": {}, "w": 3})])
    assert changed.value == {"a": {"y": {}, "w": 3}, "b": 2}


@pytest.mark.usefixtures("machine")
def test_only_the_lines_of_the_changed_leaves_differ(path: Path) -> None:
    path.write_bytes(EXISTING.encode())
    text = commit(
        path,
        Change(("agents", "defaults", "model", "primary"), "local/qwen3:32b"),
        Change(("auth", "order", "z.ai"), ["zai:default", "z-ai:work"]),
        Change(("models", "providers", "local", "apiKey"), None),
    )
    assert path.read_bytes() == text.encode()
    before, after = EXISTING.splitlines(), text.splitlines()
    gone = [line for line in before if line not in after]
    new = [line for line in after if line not in before]
    assert gone == [
        '        primary: "zai/glm-4.7",',
        '      "z.ai": ["z-ai:work", "zai:default"],',
        '        apiKey: "n/a",',
    ]
    assert new == ['        primary: "local/qwen3:32b",', '      "z.ai": ["zai:default", "z-ai:work"],']
    assert [line for line in before if line not in gone] == [line for line in after if line not in new]


@pytest.mark.parametrize("start", ["\ufeff", ""])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_and_the_byte_order_mark_stay(path: Path, start: str, end: str) -> None:
    lines = ["// top", "{", "  models: { mode: 'merge' }, // why", "  other: 1.50,", "}", ""]
    path.write_bytes((start + end.join(lines)).encode())
    commit(path, Change(("models", "mode"), "replace"))
    expected = (start + end.join(lines)).replace("'merge'", "'replace'")
    assert path.read_bytes() == expected.encode()


@pytest.mark.usefixtures("machine")
def test_references_to_variables_stay_as_they_are(path: Path) -> None:
    path.write_text(EXISTING)
    commit(path, Change(("models", "mode"), "replace"))
    text = path.read_text()
    assert text.count("${ZAI_API_KEY}") == 1
    assert text == EXISTING.replace('mode: "merge"', 'mode: "replace"')


def test_the_plan_sees_the_file_as_it_is_under_the_lock(path: Path) -> None:
    path.write_text("{models: {mode: 'merge'}}")
    seen: list[LoadedConfig] = []

    def plan(config: LoadedConfig) -> Iterator[Change]:
        seen.append(config)
        yield Change(("models", "mode"), "replace")

    commit_planned(path, plan)
    assert [each.settings.mode for each in seen] == ["merge"]
    assert path.read_text() == "{models: {mode: 'replace'}}"


def test_a_missing_file_is_made_private_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "config.json5"
    old = os.umask(0)
    try:
        commit(path, Change(("models", "mode"), "replace"))
    finally:
        os.umask(old)
    assert Document.parse(path.read_text()).value == {"models": {"mode": "replace"}}
    assert mode_of(path) == 0o600
    assert mode_of(path.parent) == mode_of(path.parent.parent) == 0o700
    assert sorted(each.name for each in path.parent.iterdir()) == ["config.json5", "config.json5.lock"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666, 0o400])
def test_an_old_file_keeps_its_mode(path: Path, mode: int) -> None:
    path.write_text("{}")
    path.chmod(mode)
    commit(path, Change(("models", "mode"), "replace"))
    assert mode_of(path) == mode
    assert "replace" in path.read_text()


@pytest.mark.usefixtures("machine")
def test_nothing_is_written_when_nothing_changes(path: Path) -> None:
    path.write_text(EXISTING)
    before = path.stat()
    for changes in ([], [Change(("models", "mode"), "merge")], [Change(("models", "nothing"), None)]):
        assert commit(path, *changes) == EXISTING
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_missing_file_stays_missing_when_nothing_changes(path: Path) -> None:
    assert commit(path) == Document.empty().text
    assert not path.exists()


@pytest.mark.parametrize("relative", [True, False])
def test_a_linked_config_stays_a_link(tmp_path: Path, path: Path, relative: bool) -> None:
    target = tmp_path / "dotfiles" / "real.json5"
    target.parent.mkdir()
    target.write_text("{}")
    target.chmod(0o644)
    path.symlink_to(Path("dotfiles") / "real.json5" if relative else target)
    commit(path, Change(("models", "mode"), "replace"))
    assert path.is_symlink()
    assert Document.parse(target.read_text()).value == {"models": {"mode": "replace"}}
    assert mode_of(target) == 0o644
    names = sorted(each.name for each in target.parent.iterdir())
    assert names == ["real.json5", "real.json5.bak", "real.json5.lock"]


def test_a_link_to_a_file_that_is_not_there_yet_makes_that_file(tmp_path: Path, path: Path) -> None:
    path.symlink_to("real.json5")
    commit(path, Change(("models", "mode"), "replace"))
    assert path.is_symlink()
    assert mode_of(tmp_path / "real.json5") == 0o600


@pytest.mark.parametrize(
    "text", ["{models: {mode: 'both'}}", "{models: {}, models: {}}", "[]", "null", "{auth: {profiles: {x: {}}}}"]
)
def test_a_file_with_errors_is_left_alone(path: Path, text: str) -> None:
    path.write_text(text)
    before = path.stat()
    error = refused(path)
    assert error.code == "config.invalid"
    assert error.diagnostics
    assert all(each.line is not None for each in error.diagnostics)
    assert path.read_text() == text
    assert path.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("text", ["{channels: 5}", "{models: {unknown: 1}}", "{gateway: {a: 1, a: 2}}"])
def test_warnings_and_the_parts_of_other_programs_do_not_stop_a_commit(path: Path, text: str) -> None:
    path.write_text(text)
    commit(path, Change(("auth", "profiles", "acme:a"), {"provider": "acme", "mode": "token"}))
    assert load_config(path).settings.profiles[0].id == "acme:a"
    assert text[1:-1] in path.read_text()


def test_a_change_into_something_that_is_no_object_is_refused(path: Path) -> None:
    path.write_text("{channels: 5}")
    error = refused(path, Change(("channels", "mail"), 1))
    assert error.code == "config.not-an-object"
    assert path.read_text() == "{channels: 5}"


def test_a_plan_that_fails_writes_nothing_and_lets_go_of_the_lock(path: Path) -> None:
    path.write_text("{}")

    def plan(_: LoadedConfig) -> Iterator[Change]:
        yield Change(("models", "mode"), "replace")
        raise KeyError("plan")

    with pytest.raises(KeyError):
        commit_planned(path, plan)
    assert path.read_text() == "{}"
    with _files.locked(path.with_name("config.json5.lock"), timeout=0):
        pass


DISKS = [
    ("fsync", errno.ENOSPC, "No space left on device"),
    ("fsync", errno.EIO, "Input/output error"),
    ("open", errno.EROFS, "Read-only file system"),
]


def break_disk(monkeypatch: pytest.MonkeyPatch, call: str, number: int, beside: str = "") -> None:
    """Let every write of a file whose temporary name holds `beside` fail."""
    real = getattr(os, call)
    paths: dict[int, str] = {}
    real_open = os.open

    def opening(path: object, *args: int) -> int:
        if call == "open" and ".tmp" in str(path) and beside in str(path):
            raise OSError(number, os.strerror(number))
        descriptor = real_open(path, *args)  # type: ignore[arg-type]
        paths[descriptor] = str(path)
        return descriptor

    def syncing(descriptor: int) -> None:
        if ".tmp" in paths.get(descriptor, "") and beside in paths[descriptor]:
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "open", opening)
    if call == "fsync":
        monkeypatch.setattr(os, "fsync", syncing)


@pytest.mark.parametrize(("call", "number", "words"), DISKS)
def test_a_disk_that_fails_leaves_the_old_content(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, words: str
) -> None:
    path.write_text("{models: {mode: 'merge'}}")
    break_disk(monkeypatch, call, number, ".config.json5.")
    error = refused(path)
    monkeypatch.undo()
    assert (error.code, error.message) == ("config.write-failed", f"{path} cannot be written: {words}.")
    assert path.read_text() == "{models: {mode: 'merge'}}"
    assert sorted(each.name for each in path.parent.iterdir()) == ["config.json5", "config.json5.lock"]


# --- backups ---------------------------------------------------------------------------------------------------------


def backups(path: Path) -> list[str]:
    names = [f"{path.name}.bak", *(f"{path.name}.bak.{number}" for number in range(1, 10))]
    return [path.with_name(name).read_text() for name in names if path.with_name(name).exists()]


def test_the_last_five_contents_are_kept_newest_first(path: Path) -> None:
    texts = [f"{{n: {number}}}" for number in range(8)]
    path.write_text(texts[0])
    for number in range(1, 8):
        commit(path, Change(("n",), number))
        assert backups(path) == texts[max(number - 5, 0) : number][::-1]
    assert path.read_text() == texts[7]


def test_backups_are_private_whatever_the_mode_of_the_file(path: Path) -> None:
    path.write_text("{n: 0}")
    path.chmod(0o644)
    for number in (1, 2, 3):
        commit(path, Change(("n",), number))
    kept = [each for each in path.parent.iterdir() if ".bak" in each.name]
    assert sorted(each.name for each in kept) == ["config.json5.bak", "config.json5.bak.1", "config.json5.bak.2"]
    assert {mode_of(each) for each in kept} == {0o600}
    assert mode_of(path) == 0o644


def test_a_backup_is_the_old_bytes_and_a_new_file_has_none(path: Path) -> None:
    commit(path, Change(("n",), 0))
    assert backups(path) == []
    data = "\ufeff{ n: 1.0, /* ключ */ }\r\n".encode()
    path.write_bytes(data)
    commit(path, Change(("n",), 2))
    assert path.with_name("config.json5.bak").read_bytes() == data
    commit(path)
    assert len(backups(path)) == 1


@pytest.mark.parametrize(("call", "number", "words"), DISKS)
@pytest.mark.parametrize("beside", [".config.json5.bak", ".config.json5."])
def test_writes_that_fail_again_and_again_do_not_push_out_the_backups(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, words: str, beside: str
) -> None:
    path.write_text("{n: 0}")
    for n in range(1, 6):
        commit(path, Change(("n",), n))
    before = backups(path)
    assert len(before) == 5
    break_disk(monkeypatch, call, number, beside)
    for _ in range(6):
        assert refused(path, Change(("n",), 99)).code == "config.write-failed"
    monkeypatch.undo()
    assert path.read_text() == "{n: 5}"
    assert backups(path) == before


def test_when_only_the_last_step_fails_the_backup_is_made_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("{n: 0}")
    for n in range(1, 6):
        commit(path, Change(("n",), n))
    real = Path.replace

    def failing(source: Path, target: Path) -> Path:
        if Path(target).name == path.name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(source, target)

    monkeypatch.setattr(Path, "replace", failing)
    for _ in range(6):
        assert refused(path, Change(("n",), 99)).code == "config.write-failed"
    monkeypatch.undo()
    assert path.read_text() == "{n: 5}"
    assert backups(path) == [f"{{n: {n}}}" for n in (5, 4, 3, 2, 1)]
    commit(path, Change(("n",), 6))
    assert backups(path) == [f"{{n: {n}}}" for n in (5, 4, 3, 2, 1)]


# --- locks -----------------------------------------------------------------------------------------------------------


def test_a_lock_held_elsewhere_ends_the_wait_at_its_limit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text("{}")
    monkeypatch.setattr(Commits._locked.__wrapped__, "__defaults__", (0.1,))  # type: ignore[attr-defined]
    with _files.locked(path.with_name("config.json5.lock"), timeout=5):
        started = time.monotonic()
        with pytest.raises(ConfigError) as caught:
            commit(path, Change(("models", "mode"), "replace"))
        waited = time.monotonic() - started
    assert caught.value.code == "config.locked"
    assert caught.value.message == f"Another process has been changing {path} for 0.1 s."
    assert 0.1 <= waited < 5
    assert path.read_text() == "{}"


def test_the_text_returned_is_what_the_file_reads_as(path: Path) -> None:
    text = commit(path, Change(("models", "providers", "ключ😀"), {"x": "\ud800", "n": [1, None, True]}))
    assert path.read_bytes() == text.encode()
    value = load_config(path).document.value
    assert json.dumps(value) == json.dumps({"models": {"providers": {"ключ😀": {"x": "\ud800", "n": [1, None, True]}}}})
