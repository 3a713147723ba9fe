"""Files that a config takes in: how they are found and merged, where faults are told, and what a change may write."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from jackfield.config.document import Document
from jackfield.config.file import Change, LoadedConfig, apply_changes, load_config
from jackfield.config.include import IncludeLimits, Includes, TakenIn, holds_include
from jackfield.config.json5 import MAX_DEPTH, MAX_SIZE
from jackfield.errors import ConfigError

Files = dict[str, str]
KeyPath = tuple[str, ...]

MODELS: KeyPath = ("models", "providers", "acme", "models")
DEFAULT: KeyPath = ("agents", "defaults", "model")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def write(folder: Path, files: Files) -> Path:
    """Write files below `folder` and return the path of the config among them."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "config.json5"


def load(folder: Path, config: str, **files: str) -> LoadedConfig:
    """Load a config beside which stand `a.json5`, `b.json5` and so on."""
    return load_config(
        write(folder, {"config.json5": config, **{f"{name}.json5": text for name, text in files.items()}})
    )


def value(folder: Path, config: str, **files: str) -> object:
    loaded = load(folder, config, **files)
    assert [each for each in loaded.diagnostics if each.severity == "error"] == []
    return loaded.document.value


def faults(loaded: LoadedConfig) -> list[tuple[str, str, KeyPath, int | None, int | None]]:
    return [(each.code, each.severity, each.path, each.line, each.column) for each in loaded.diagnostics]


def take_in(folder: Path, config: str, limits: IncludeLimits | None = None) -> TakenIn:
    """Take in everything, whosever part it is."""
    path = write(folder, {"config.json5": config})
    return Includes(path, lambda _: True, limits).take_in(Document.parse(path.read_bytes()))


# --- what is merged --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ("{$include: './a.json5'}", {"models": {"mode": "merge", "x": [1, 2]}, "voice": {"a": 1}}),
        ("{$include: 'a.json5', voice: {b: 2}}", {"models": {"mode": "merge", "x": [1, 2]}, "voice": {"a": 1, "b": 2}}),
        ("{voice: {a: 9}, $include: 'a.json5'}", {"models": {"mode": "merge", "x": [1, 2]}, "voice": {"a": 9}}),
        ("{$include: 'a.json5', models: {x: [3]}}", {"models": {"mode": "merge", "x": [1, 2, 3]}, "voice": {"a": 1}}),
        ("{$include: 'a.json5', models: {x: 'y'}}", {"models": {"mode": "merge", "x": "y"}, "voice": {"a": 1}}),
        ("{$include: 'a.json5', models: null}", {"models": None, "voice": {"a": 1}}),
        ("{$include: ['a.json5']}", {"models": {"mode": "merge", "x": [1, 2]}, "voice": {"a": 1}}),
        (
            "{$include: ['a.json5', 'b.json5']}",
            {"models": {"mode": "replace", "x": [1, 2, 3]}, "voice": {"a": {"deep": 1}}},
        ),
        ("{$include: ['b.json5', 'a.json5']}", {"models": {"mode": "merge", "x": [3, 1, 2]}, "voice": {"a": 1}}),
        (
            "{$include: ['b.json5', 'a.json5'], voice: {a: 0}}",
            {"models": {"mode": "merge", "x": [3, 1, 2]}, "voice": {"a": 0}},
        ),
        ("{$include: [], voice: {a: 0}}", {"voice": {"a": 0}}),
        ("{voice: {$include: []}}", {"voice": {}}),
        (
            "{voice: {inner: {$include: 'a.json5'}}}",
            {"voice": {"inner": {"models": {"mode": "merge", "x": [1, 2]}, "voice": {"a": 1}}}},
        ),
        ("{voice: {list: [{$include: 'c.json5'}, 0]}}", {"voice": {"list": [["c"], 0]}}),
        ("{voice: {$include: ['c.json5', 'c.json5']}}", {"voice": ["c", "c"]}),
        ("{voice: {$include: ['a.json5', 'd.json5']}}", {"voice": "text"}),
        ("{voice: {key: {$include: 'd.json5'}}}", {"voice": {"key": "text"}}),
    ],
)
def test_objects_merge_lists_follow_each_other_and_the_text_itself_wins(
    folder: Path, config: str, expected: object
) -> None:
    write(
        folder,
        {
            "a.json5": "{models: {mode: 'merge', x: [1, 2]}, voice: {a: 1}}",
            "b.json5": "{models: {mode: 'replace', x: [3]}, voice: {a: {deep: 1}}}",
            "c.json5": "['c']",
            "d.json5": "'text' // alone",
        },
    )
    taken = take_in(folder, config)
    assert (taken.value, taken.faults) == (expected, ())


def test_the_files_that_an_included_file_names_are_found_from_its_own_folder(folder: Path) -> None:
    write(
        folder,
        {
            "parts/models.json5": "{mode: 'replace', providers: {$include: ['./deep/acme.json5', '../zeta.json5']}}",
            "parts/deep/acme.json5": "{acme: {api: 'cli'}}",
            "zeta.json5": "{zeta: {api: 'cli'}}",
            "acme.json5": "{wrong: 1}",
        },
    )
    loaded = load(folder, "{models: {$include: 'parts/models.json5'}}")
    assert loaded.document.value == {
        "models": {"mode": "replace", "providers": {"acme": {"api": "cli"}, "zeta": {"api": "cli"}}}
    }
    assert [each.path for each in loaded.includes] == [
        folder / "parts" / "models.json5",
        folder / "parts" / "deep" / "acme.json5",
        folder / "zeta.json5",
    ]
    assert [each.mounts for each in loaded.includes] == [
        (("models",),),
        (("models", "providers"),),
        (("models", "providers"),),
    ]
    assert (loaded.settings.mode, [each.key for each in loaded.settings.providers]) == ("replace", ["acme", "zeta"])


def test_an_absolute_path_and_the_home_folder_are_found(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    write(tmp_path, {"user/mine.json5": "{mode: 'merge'}", "far/acme.json5": "{acme: {}}"})
    absolute = json.dumps(str(tmp_path / "far" / "acme.json5"))
    config = f"{{models: {{$include: '~/mine.json5', providers: {{$include: {absolute}}}}}}}"
    assert value(folder, config) == {"models": {"mode": "merge", "providers": {"acme": {}}}}


def test_what_a_linked_config_takes_in_is_found_beside_the_link(folder: Path, tmp_path: Path) -> None:
    write(tmp_path, {"dotfiles/real.json5": "{$include: './machine.json5'}"})
    write(folder, {"machine.json5": "{voice: {here: true}}"})
    (folder / "config.json5").symlink_to(tmp_path / "dotfiles" / "real.json5")
    link = load_config(folder / "config.json5")
    real = load_config(tmp_path / "dotfiles" / "real.json5", named=folder / "config.json5")
    assert link.document.value == real.document.value == {"voice": {"here": True}}
    assert [each.code for each in load_config(tmp_path / "dotfiles" / "real.json5").errors] == [
        "config.include-missing"
    ]


def test_a_file_that_is_taken_in_twice_is_read_once_and_listed_once(folder: Path) -> None:
    loaded = load(folder, "{voice: {one: {$include: 'a.json5'}, two: {$include: './sub/../a.json5'}}}", a="{list: [1]}")
    assert loaded.document.value == {"voice": {"one": {"list": [1]}, "two": {"list": [1]}}}
    (file,) = loaded.includes
    assert (file.path, file.mounts) == (folder / "a.json5", (("voice", "one"), ("voice", "two")))


def test_the_document_keeps_the_text_and_the_own_value_of_the_main_file(folder: Path) -> None:
    text = "{ // mine\n  $include: './a.json5', models: {} }"
    loaded = load(folder, text, a="{models: {mode: 'merge'}}")
    document = loaded.document
    assert (document.text, document.own) == (text, {"$include": "./a.json5", "models": {}})
    assert document.value == {"models": {"mode": "merge"}}
    assert document.get(("models",)) == {}
    assert document.locate(("$include",)) == (2, 3)
    edited = document.set(("models", "mode"), "replace")
    assert (edited.own, edited.value) == (
        {"$include": "./a.json5", "models": {"mode": "replace"}},
        {"models": {"mode": "replace"}},
    )
    assert edited.delete(("models",)).value == {"models": {"mode": "merge"}}
    assert edited.delete(("$include",)).value == {"models": {"mode": "replace"}}


def test_a_config_that_takes_in_nothing_reads_as_it_stands(folder: Path) -> None:
    loaded = load(folder, "{models: {mode: 'merge'}}")
    assert loaded.document.taken is None
    assert loaded.document.value is loaded.document.own
    assert loaded.includes == ()


@pytest.mark.parametrize(
    ("plain", "expected"),
    [({}, False), ([[{"a": [{"$include": 1}]}]], True), ({"$include": None}, True), (["$include"], False), (5, False)],
)
def test_an_include_is_seen_wherever_it_stands(plain: object, expected: bool) -> None:
    assert holds_include(plain) is expected


@pytest.mark.parametrize(
    "config",
    ["{channels: {$include: 'gone'}}", "{agents: {list: [{$include: 'gone'}]}}", "{tools: [{x: {$include: {}}}]}"],
)
def test_what_other_programs_take_in_is_neither_read_nor_judged(folder: Path, config: str) -> None:
    loaded = load(folder, config)
    assert (loaded.diagnostics, loaded.includes) == ((), ())
    assert loaded.document.value == loaded.document.own


def test_an_included_file_may_hold_an_include_of_another_program(folder: Path) -> None:
    loaded = load(folder, "{$include: 'a.json5'}", a="{models: {mode: 'merge'}, channels: {$include: 'gone'}}")
    assert loaded.diagnostics == ()
    assert loaded.document.value == {"models": {"mode": "merge"}, "channels": {"$include": "gone"}}


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("'./gone.json5'", "config.include-missing", "takes in {0}/gone.json5, which is not there"),
        ("'a.json5/x'", "config.include-unreadable", "takes in {0}/a.json5/x, which cannot be read: Not a directory"),
        ("'loop'", "config.include-unreadable", None),
        ("'./sub'", "config.include-not-a-file", "takes in {0}/sub, which is a folder"),
        ("'.'", "config.include-not-a-file", "takes in {0}, which is a folder"),
        ("'pipe'", "config.include-not-a-file", "takes in {0}/pipe, which is not a file"),
        ("'/dev/null'", "config.include-not-a-file", "takes in /dev/null, which is not a file"),
        ("'bad.json5'", "config.include-syntax", None),
        ("'empty.json5'", "config.include-syntax", None),
        ("'latin.json5'", "config.include-syntax", None),
        (
            "'deep.json5'",
            "config.include-depth",
            "takes in {0}/deep.json5, whose values are nested more than 200 levels deep",
        ),
        ("'big.json5'", "config.include-too-large", "takes in {0}/big.json5, which is too large for a config"),
        ("'config.json5'", "config.include-cycle", "takes in {0}/config.json5, which leads back to this file"),
        ("'link.json5'", "config.include-cycle", "takes in {0}/link.json5, which leads back to this file"),
        ("5", "config.include-type", "must be the path of a file, or a list of such paths"),
        ("null", "config.include-type", "must be the path of a file, or a list of such paths"),
        ("{}", "config.include-type", "must be the path of a file, or a list of such paths"),
        ("''", "config.include-type", "must be the path of a file, or a list of such paths"),
        ("' '", "config.include-type", "must be the path of a file, or a list of such paths"),
        ("'a\\0b'", "config.include-type", "must be the path of a file, or a list of such paths"),
        ("'\\ud800'", "config.include-type", "must be the path of a file, or a list of such paths"),
        (
            "'~nobody-has-this-name/x'",
            "config.include-missing",
            "takes in ~nobody-has-this-name/x, which is in the home folder of a user who is not known here",
        ),
        (f"'{'n' * 300}'", "config.include-unreadable", None),
    ],
)
@pytest.mark.parametrize("in_list", [False, True])
def test_a_file_that_cannot_be_taken_in_is_an_error_at_its_place(
    folder: Path, name: str, code: str, message: str | None, in_list: bool
) -> None:
    write(folder, {"a.json5": "{mode: 'merge'}", "bad.json5": "{a: }", "empty.json5": "", "sub/x.json5": "{}"})
    (folder / "latin.json5").write_bytes("{a: 'é'}".encode("latin-1"))
    (folder / "big.json5").write_bytes(b" " * (MAX_SIZE + 1))
    (folder / "deep.json5").write_text("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))
    (folder / "loop").symlink_to("loop")
    (folder / "link.json5").symlink_to("config.json5")
    os.mkfifo(folder / "pipe")
    if in_list:
        loaded = load(folder, f"{{\n models: {{\n  $include: ['a.json5', {name}],\n }} }}", a="{mode: 'merge'}")
        path: KeyPath = ("models", "$include", "[1]")
        assert loaded.settings.mode == "merge"
    else:
        loaded = load(folder, f"{{\n models: {{\n  $include: {name},\n }} }}")
        path = ("models", "$include")
    assert faults(loaded) == [(code, "error", path, 3, 25 if in_list else 3)]
    (fault,) = loaded.diagnostics
    assert (fault.owner, bool(fault.hint)) == ("config", True)
    assert message is None or fault.message == message.format(folder)
    with pytest.raises(ConfigError) as caught:
        loaded.require_valid()
    assert (caught.value.code, caught.value.diagnostics) == ("config.invalid", loaded.diagnostics)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_unreadable(folder: Path) -> None:
    write(folder, {"a.json5": "{}"})
    (folder / "a.json5").chmod(0)
    loaded = load(folder, "{$include: 'a.json5'}")
    assert [each.code for each in loaded.errors] == ["config.include-unreadable"]


def test_one_bad_file_does_not_keep_the_others_from_being_read_and_all_are_told(folder: Path) -> None:
    loaded = load(
        folder,
        "{\n"
        " $include: ['gone.json5', 'a.json5', 7],\n"
        " models: { $include: 'b.json5', mode: 'replace' },\n"
        " voice: { $include: 'c.json5' } }",
        a="{models: {providers: {acme: {api: 'cli'}}}}",
        b="{",
        c="{ok: true}",
    )
    assert [each[:4] for each in faults(loaded)] == [
        ("config.include-syntax", "error", ("models", "$include"), 3),
        ("config.include-missing", "error", ("$include", "[0]"), 2),
        ("config.include-type", "error", ("$include", "[2]"), 2),
    ]
    assert loaded.settings.mode == "replace"
    assert [each.key for each in loaded.settings.providers] == ["acme"]
    # What is incomplete says so, and a read object does not.
    read = loaded.document.value
    assert isinstance(read, dict)
    assert ("$include" in read, read["models"]["$include"], read["voice"]) == (True, "b.json5", {"ok": True})


def test_every_fault_of_an_included_text_is_told_with_its_own_place(folder: Path) -> None:
    loaded = load(folder, "{\n  voice: { $include: 'a.json5' } }", a="{\n  a: 01,\n  b: nul }")
    assert [(each.code, each.line, each.column) for each in loaded.errors] == [("config.include-syntax", 2, 12)] * 2
    first, second = (each.message for each in loaded.errors)
    assert first.startswith(f"takes in {folder}/a.json5, which is not JSON5: 2:6: ")
    assert second.startswith(f"takes in {folder}/a.json5, which is not JSON5: 3:6: ")


def test_a_fault_in_a_file_within_a_file_names_that_file_and_stands_at_the_outermost_include(folder: Path) -> None:
    loaded = load(
        folder, "{\n\n  $include: 'a.json5' }", a="{voice:\n {$include: 'b.json5'}}", b="{x: {$include: 'gone'}}"
    )
    (fault,) = loaded.diagnostics
    assert (fault.code, fault.path, fault.line, fault.column) == (
        "config.include-missing",
        ("voice", "x", "$include"),
        3,
        3,
    )
    assert fault.message == f"takes in {folder}/gone, which is not there (in {folder}/b.json5:1:6)"


def test_wrong_values_of_included_files_are_told_with_their_file(folder: Path) -> None:
    loaded = load(
        folder,
        "{ models: {\n $include: 'a.json5',\n providers: { zeta: { auth: 1 } } } }",
        a="{\n  mode: 'both',\n  providers: { acme: { models: [\n    { id: 'one' }, { name: 'two' } ] } },\n mine: 1 }",
    )
    assert [(str(each), each.severity) for each in loaded.diagnostics] == [
        (f"2:2: models.mode: must be one of merge, replace (in {folder}/a.json5:2:3)", "error"),
        (f"2:2: models.providers.acme.models[1]: must have id (in {folder}/a.json5:4:20)", "error"),
        ("3:23: models.providers.zeta.auth: must be text, not a number", "error"),
        (f"2:2: models.mine: is not a field known here (in {folder}/a.json5:5:2)", "warning"),
    ]


def test_the_place_of_an_item_is_that_of_the_file_which_it_is_from(folder: Path) -> None:
    loaded = load(
        folder,
        "{models: {providers: {acme: {\n $include: 'a.json5',\n models: [{id: 'two'}, {id: 3}]}}}}",
        a="{models: [{id: 1}]}",
    )
    assert [str(each) for each in loaded.diagnostics] == [
        f"2:2: models.providers.acme.models[0].id: must be text, not a number (in {folder}/a.json5:1:12)",
        "3:25: models.providers.acme.models[2].id: must be text, not a number",
    ]


def test_a_repeated_key_of_an_included_file_is_an_error_in_our_part_alone(folder: Path) -> None:
    loaded = load(folder, "{$include: 'a.json5'}", a="{voice: {x: 1,\n x: 2}, channels: {y: 1, y: 2}}")
    (fault,) = loaded.diagnostics
    assert (fault.code, fault.severity, fault.path) == ("config.duplicate-key", "error", ("voice", "x"))
    assert fault.message == f"This key stands on line 1 already; the last one counts (in {folder}/a.json5:2:2)."


@pytest.mark.parametrize("held", ["[1]", "'text'", "5", "null"])
def test_only_an_object_can_be_taken_in_beside_fields(folder: Path, held: str) -> None:
    loaded = load(folder, "{voice: {\n $include: 'a.json5', mine: 1}}", a=held)
    assert faults(loaded) == [("config.include-value", "error", ("voice", "$include"), 2, 2)]
    assert loaded.document.value == {"voice": {"$include": "a.json5", "mine": 1}}


def test_a_cycle_over_several_files_is_told_where_it_closes(folder: Path) -> None:
    loaded = load(
        folder,
        "{$include: 'a.json5'}",
        a="{voice: {x: 1}, $include: 'b.json5'}",
        b="{$include: './a.json5', voice: {y: 2}}",
    )
    (fault,) = loaded.diagnostics
    assert fault.code == "config.include-cycle"
    assert fault.message == f"takes in {folder}/a.json5, which leads back to this file (in {folder}/b.json5:1:2)"
    read = loaded.document.value
    assert isinstance(read, dict)
    assert read["voice"] == {"y": 2, "x": 1}


@pytest.mark.parametrize(("length", "expected"), [(10, []), (11, ["config.include-depth"])])
def test_files_take_in_files_ten_deep(folder: Path, length: int, expected: list[str]) -> None:
    chain = {f"f{number}": f"{{$include: 'f{number + 1}.json5', n{number}: 1}}" for number in range(1, length)}
    loaded = load(folder, "{voice: {$include: 'f1.json5'}}", **chain, **{f"f{length}": "{last: 1}"})
    assert [each.code for each in loaded.errors] == expected
    read = loaded.document.value
    assert isinstance(read, dict)
    assert ("last" in read["voice"], "n9" in read["voice"]) == (not expected, True)


@pytest.mark.parametrize(("extra", "expected"), [(0, []), (1, ["config.include-depth"])])
def test_values_nest_no_deeper_than_in_one_file(folder: Path, extra: int, expected: list[str]) -> None:
    nested = "[" * (MAX_DEPTH - 3 + extra) + "]" * (MAX_DEPTH - 3 + extra)
    loaded = load(folder, "{voice: {a: {b: {$include: 'a.json5'}}}}", a=nested)
    assert [each.code for each in loaded.errors] == expected


def test_repetitions_count_so_that_a_few_files_cannot_become_many(folder: Path) -> None:
    ten = json.dumps(["b.json5"] * 10)
    loaded = load(
        folder, f"{{voice: {{$include: {json.dumps(['a.json5'] * 50)}}}}}", a=f"{{x: {{$include: {ten}}}}}", b="[1]"
    )
    (fault,) = loaded.errors
    assert (fault.code, fault.message.partition(" (")[0]) == (
        "config.include-too-many",
        "takes in more than 100 files in all",
    )
    read = loaded.document.value
    assert isinstance(read, dict)
    assert len(read["voice"]["x"]) <= 100


def test_a_list_of_a_hundred_files_is_taken_in(folder: Path) -> None:
    names = [f"f{number}" for number in range(100)]
    files = {name: f"{{{name}: 1}}" for name in names}
    include = json.dumps([f"{name}.json5" for name in names])
    assert value(folder, f"{{voice: {{$include: {include}}}}}", **files) == {"voice": dict.fromkeys(names, 1)}


def test_the_bytes_of_all_files_together_are_limited(folder: Path) -> None:
    write(folder, {"a.json5": f"{{a: '{'x' * 90}'}}", "b.json5": "{b: 1}"})
    config = "{$include: ['a.json5', 'a.json5', 'b.json5']}"
    assert take_in(folder, config, IncludeLimits(size=250)).faults == ()
    taken = take_in(folder, config, IncludeLimits(size=150))
    assert [(each.code, each.path) for each in taken.faults] == [
        ("config.include-too-large", ("$include", "[1]")),
        ("config.include-too-large", ("$include", "[2]")),
    ]
    assert IncludeLimits() == IncludeLimits(depth=10, files=100, size=16 * 1024 * 1024)


def test_an_open_file_is_not_left_behind(folder: Path) -> None:
    descriptors = Path("/proc/self/fd") if Path("/proc/self/fd").exists() else Path("/dev/fd")
    os.mkfifo(folder / "pipe")
    before = len(list(descriptors.iterdir()))
    load(folder, "{$include: ['pipe', 'a.json5', '.', 'gone', 'b.json5']}", a="{}", b="{")
    assert len(list(descriptors.iterdir())) == before


@pytest.mark.parametrize(
    ("mode", "is_open"), [(0o600, False), (0o400, False), (0o640, True), (0o604, True), (0o601, True)]
)
def test_the_mode_of_an_included_file_is_known(folder: Path, mode: int, is_open: bool) -> None:
    write(folder, {"a.json5": "{}"})
    (folder / "a.json5").chmod(mode)
    (file,) = load(folder, "{$include: 'a.json5'}").includes
    assert (file.mode, file.is_open) == (mode, is_open)
    assert stat.S_IMODE((folder / "a.json5").stat().st_mode) == mode


def test_the_text_of_a_config_does_not_stand_in_a_representation(folder: Path) -> None:
    loaded = load(folder, "{$include: 'a.json5'}", a="{models: {providers: {acme: {apiKey: 'sk-canary'}}}}")
    assert "sk-canary" not in repr(loaded.includes)


# --- changes ---------------------------------------------------------------------------------------------------------


def changed(folder: Path, files: Files, *changes: tuple[KeyPath, object]) -> tuple[Any, Any]:
    """Return the own value and the whole value after changes."""
    document = load_config(write(folder, files)).document
    after = apply_changes(document, [Change(*each) for each in changes])
    return after.own, after.value


def refused(folder: Path, files: Files, *changes: tuple[KeyPath, object]) -> ConfigError:
    document = load_config(write(folder, files)).document
    with pytest.raises(ConfigError) as caught:
        apply_changes(document, [Change(*each) for each in changes])
    return caught.value


def test_a_leaf_is_written_beside_the_include_and_wins(folder: Path) -> None:
    files = {
        "config.json5": "{\n  $include: './a.json5', // mine\n}\n",
        "a.json5": "{agents: {defaults: {model: {primary: 'acme/one', fallbacks: ['acme/two']}}}}",
    }
    document = load_config(write(folder, files)).document
    after = apply_changes(document, [Change((*DEFAULT, "primary"), "acme/three")])
    assert after.text.startswith("{\n  $include: './a.json5', // mine\n  agents: {")
    assert after.own == {"$include": "./a.json5", "agents": {"defaults": {"model": {"primary": "acme/three"}}}}
    assert after.value == {"agents": {"defaults": {"model": {"primary": "acme/three", "fallbacks": ["acme/two"]}}}}


def test_what_an_included_file_says_already_is_not_written_again(folder: Path) -> None:
    files = {
        "config.json5": "{$include: 'a.json5'}",
        "a.json5": "{models: {mode: 'merge', providers: {acme: {models: [{id: 'one'}]}}}}",
    }
    document = load_config(write(folder, files)).document
    same = [Change(("models", "mode"), "merge"), Change(MODELS, [{"id": "one"}]), Change(("voice", "x"), None)]
    assert apply_changes(document, same).text == document.text


def test_of_a_list_the_text_holds_the_rest_that_follows_the_included_part(folder: Path) -> None:
    files = {
        "config.json5": "{$include: 'a.json5', models: {providers: {acme: {models: [{id: 'two'}]}}}}",
        "a.json5": "{models: {providers: {acme: {models: [{id: 'one'}]}}}}",
    }
    longer = [{"id": "one"}, {"id": "two", "name": "Two"}, {"id": "three"}]
    own, whole = changed(folder, files, (MODELS, longer))
    assert own["models"]["providers"]["acme"]["models"] == longer[1:]
    assert whole["models"]["providers"]["acme"]["models"] == longer
    own, whole = changed(folder, files, (MODELS, [{"id": "one"}]))
    assert (own["models"]["providers"]["acme"], whole["models"]["providers"]["acme"]) == (
        {},
        {"models": [{"id": "one"}]},
    )


def test_items_that_take_in_a_file_keep_doing_so(folder: Path) -> None:
    files = {
        "config.json5": "{models: {providers: {acme: {models: [{$include: 'a.json5'}, {id: 'two'}]}}}}",
        "a.json5": "{id: 'one', name: 'One'}",
    }
    wanted = [{"id": "two", "name": "Two"}, {"id": "one", "name": "One"}, {"id": "three"}]
    own, whole = changed(folder, files, (MODELS, wanted))
    assert own["models"]["providers"]["acme"]["models"] == [wanted[0], {"$include": "a.json5"}, wanted[2]]
    assert whole["models"]["providers"]["acme"]["models"] == wanted


def test_an_object_that_is_written_keeps_its_include(folder: Path) -> None:
    files = {
        "config.json5": "{voice: {x: {$include: 'a.json5', old: 1, in: {$include: 'b.json5'}}}}",
        "a.json5": "{a: 1}",
        "b.json5": "{b: 1}",
    }
    own, whole = changed(folder, files, (("voice", "x"), {"a": 1, "new": 2, "in": {"b": 1, "c": 2}}))
    assert own["voice"]["x"] == {"$include": "a.json5", "a": 1, "new": 2, "in": {"$include": "b.json5", "b": 1, "c": 2}}
    assert whole["voice"]["x"] == {"a": 1, "new": 2, "in": {"b": 1, "c": 2}}


def test_a_member_that_takes_in_a_file_can_be_removed_or_become_a_scalar(folder: Path) -> None:
    files = {
        "config.json5": "{voice: {x: {$include: 'a.json5'}, y: {$include: 'b.json5'}}}",
        "a.json5": "{a: 1}",
        "b.json5": "'old'",
    }
    own, whole = changed(folder, files, (("voice", "x"), None), (("voice", "y"), "new"))
    assert own == whole == {"voice": {"y": "new"}}


@pytest.mark.parametrize(
    ("config", "included", "path", "new", "place"),
    [
        ("{$include: 'a.json5'}", "{voice:\n {x: 1}}", ("voice", "x"), None, "2:3"),
        ("{$include: 'a.json5', voice: {x: 2}}", "{voice:\n {x: 1}}", ("voice", "x"), None, "2:3"),
        ("{$include: 'a.json5'}", "{\n voice: {x: 1}}", ("voice",), None, "2:2"),
        ("{$include: 'a.json5'}", "{voice:\n {x: [1, 2]}}", ("voice", "x"), [2, 1], "2:3"),
        ("{$include: 'a.json5'}", "{voice:\n {x: [1, 2]}}", ("voice", "x"), [1], "2:3"),
        ("{$include: 'a.json5'}", "{voice:\n {x: {a: 1}}}", ("voice", "x"), {"b": 2}, "2:7"),
        ("{voice: {x: {$include: 'a.json5'}}}", "\n [1]", ("voice", "x"), [1, 2], "2:2"),
    ],
)
def test_what_an_included_file_says_cannot_be_taken_away(
    folder: Path, config: str, included: str, path: KeyPath, new: object, place: str
) -> None:
    error = refused(folder, {"config.json5": config, "a.json5": included}, (path, new))
    (fault,) = error.diagnostics
    assert (error.code, fault.code, fault.path) == ("config.included", "config.included", path)
    assert f"stands in {folder}/a.json5:{place}, which is never written from here" in error.message
    assert error.message.endswith("; nothing was changed.")
    assert error.fix == "Change it there by hand, or move it into the config file."


def test_every_change_that_is_out_of_reach_is_told_with_all_its_files(folder: Path) -> None:
    files = {
        "config.json5": "{$include: ['a.json5', 'b.json5'], voice: {mine: 1}}",
        "a.json5": "{voice: {x: {one: 1}, y: 1}}",
        "b.json5": "{voice: {x: {two: 2}}}",
    }
    error = refused(folder, files, (("voice", "x"), None), (("voice", "mine"), 2), (("voice", "y"), None))
    assert (
        error.message == "2 settings stand in included files, which are never written from here; nothing was changed."
    )
    assert [(each.path, each.message) for each in error.diagnostics] == [
        (
            ("voice", "x"),
            f"stands in {folder}/b.json5:1:10 and {folder}/a.json5:1:14, which is never written from here",
        ),
        (("voice", "y"), f"stands in {folder}/a.json5:1:23, which is never written from here"),
    ]


def test_nothing_is_written_into_what_is_no_object_in_an_included_file(folder: Path) -> None:
    error = refused(
        folder, {"config.json5": "{voice: {x: {$include: 'a.json5'}}}", "a.json5": "[1]"}, (("voice", "x", "y"), 1)
    )
    assert error.code == "config.not-an-object"


def test_later_changes_build_on_earlier_ones(folder: Path) -> None:
    files = {"config.json5": "{$include: 'a.json5'}", "a.json5": "{voice: {x: 1}}"}
    own, whole = changed(
        folder, files, (("voice", "y"), {"z": 1}), (("voice", "y", "w"), 2), (("voice", "y", "z"), None)
    )
    assert (own["voice"], whole["voice"]) == ({"y": {"w": 2}}, {"x": 1, "y": {"w": 2}})
