"""The process of a Python plugin: real children, spoken to line by line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from jackfield.plugins import pycontext, pyhost, wire
from jackfield.plugins.runtime import python_argv
from support.pyhost import BOOT, SOURCE, Child, Ended

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONTEXT = {"config": {"models": {"list": [1]}}, "agentDir": "/agent", "workspaceDir": "/work", "isRemote": False}
LOGIN = {"provider": 0, "method": 0, "context": CONTEXT}
REGISTER = """
def register(api):
    api.register_provider({"id": "acme", "auth": [{"id": "login", "run": login}]})
"""


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a plugin and returns its file."""

    def write(source: str, name: str = "plugin.py") -> Path:
        file = tmp_path / "acme" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(source), encoding="utf-8")
        return file

    return write


@pytest.fixture
def child() -> Iterator[Child]:
    """Return a process that waits for a plugin."""
    with Child() as child:
        yield child


class User:
    """Answers prompts from a list, in order; everything else is done."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, method: str, params: dict[str, Any]) -> object:
        self.asked.append((method, params))
        if method != "prompt":
            return {}
        answer = self.answers.pop(0)
        return answer.code if isinstance(answer, Refusal) else {"value": answer}

    @property
    def prompts(self) -> list[dict[str, Any]]:
        return [params for method, params in self.asked if method == "prompt"]


class Refusal:
    """An answer that is an error with this code."""

    def __init__(self, code: int) -> None:
        self.code = code


def login(child: Child, file: Path, *answers: object) -> tuple[dict[str, Any], User]:
    """Load a plugin and log in; return the answer and what was asked."""
    assert "result" in (loaded := child.load(file)), loaded
    user = User(*answers)
    return child.call("login", LOGIN, user), user


def failure(answer: dict[str, Any]) -> tuple[str, str]:
    """Return the kind and the words of a failure."""
    return answer["error"]["data"]["kind"], answer["error"]["message"]


class TestStarting:
    def test_it_says_first_what_it_speaks(self, child: Child) -> None:
        first = child.read()
        assert first["method"] == "ready"
        version = "{}.{}.{}".format(*sys.version_info[:3])
        assert first["params"] == {"protocol": wire.PROTOCOL, "runtime": f"python {version}"}

    def test_both_sides_mean_the_same_by_their_numbers(self) -> None:
        assert pyhost.PROTOCOL == wire.PROTOCOL
        assert (pyhost.CANCELLED, pyhost.NOBODY) == (wire.CANCELLED, wire.NOBODY_TO_ASK)
        assert (pycontext.CANCELLED, pycontext.NOBODY) == (wire.CANCELLED, wire.NOBODY_TO_ASK)

    def test_the_command_line_of_the_runtime_starts_it(self) -> None:
        argv = python_argv(77)
        with Child(boot=argv[argv.index("-c") + 1], options=("-I",)) as child:
            assert child.read()["method"] == "ready"

    def test_it_imports_next_to_nothing(self) -> None:
        names = ("json", "re", "typing", "asyncio", "threading", "traceback", "pathlib", "inspect")
        told = f"sys.stderr.write(repr([each for each in {names} if each in sys.modules]))"
        boot = BOOT.format(SOURCE).replace("main()", f"{told}; main()")
        with Child(boot) as child:
            child.read()
            child.close_stdin()
            assert child.ended() == 0
            assert child.output == "[]"

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["--fd"],
            ["--fd", "x"],
            ["--fd", "9999"],
            ["--fd", "1", "--path", "{}"],
            ["--fd", "1", "--path", "[1]"],
            ["--fd", "1", "--path", "[NaN]"],
            ["--fd", "1", "--path", ""],
        ],
    )
    def test_a_wrong_command_line_ends_it(self, arguments: list[str]) -> None:
        argv = [sys.executable, "-S", "-E", "-c", BOOT.format(SOURCE), *arguments]
        found = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
        assert (found.returncode, found.stdout) == (64, "")
        assert found.stderr == "usage: --fd NUMBER [--path JSON_LIST]\n"

    @pytest.mark.parametrize("line", [b"\xff\xfe\n", b"{\n", b"[1,\n", b'{"a": NaN}\n', b"[" * 200_000 + b"\n"])
    def test_a_parent_that_speaks_something_else_ends_it(self, child: Child, line: bytes) -> None:
        child.read()
        child.write(line)
        assert child.ended() == 65

    def test_what_is_no_request_is_passed_over(self, child: Child) -> None:
        child.read()
        for line in (b"\n", b"[]\n", b"7\n", b'{"id": 99, "result": 1}\n', b'{"id": [], "result": 1}\n'):
            child.write(line)
        child.write({"method": "cancel"})
        assert child.call("nonsense", {})["error"]["code"] == -32601

    def test_the_end_of_standard_input_ends_it(self, child: Child) -> None:
        child.read()
        child.close_stdin()
        assert child.ended() == 0

    @pytest.mark.parametrize(
        "busy",
        [
            "while True: pass",
            "import time; time.sleep(3600)",
            "import threading; threading.Event().wait()",
            "import signal; signal.pause()",
        ],
    )
    def test_a_busy_plugin_does_not_outlive_its_parent(
        self, child: Child, plugin: Callable[..., Path], busy: str
    ) -> None:
        child.read()
        child.start("load", {"id": "a", "root": "/", "entry": str(plugin(f"import sys; print('in')\n{busy}"))})
        child.printed("in")
        child.close_stdin()
        assert child.ended() == 0

    def test_threads_that_a_plugin_leaves_do_not_hold_it(self, child: Child, plugin: Callable[..., Path]) -> None:
        child.load(
            plugin("""
            import threading, atexit
            threading.Thread(target=threading.Event().wait).start()
            atexit.register(threading.Event().wait)
            def register(api): pass
        """)
        )
        child.close_stdin()
        assert child.ended() == 0


class TestLoading:
    def test_register_is_given_the_api(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin("""
            def login(ctx): return {}
            def register(api):
                api.logger.warn("careful")
                api.registerTool({"name": "search"})
                api.register_provider({
                    "id": "acme", "label": "|".join(map(str, (api.id, api.name, api.version, api.description))),
                    "aliases": [type(api.config).__name__, api.config["a"]["b"][0], repr(api.plugin_config)],
                    "auth": [{"id": "login", "kind": "custom", "run": login}],
                })
        """)
        answer = child.load(file, config={"a": {"b": ["x"]}}, pluginConfig={"k": 1})
        assert answer["result"] == {
            "providers": [
                {
                    "id": "acme",
                    "label": "acme|Acme|1.0|A plugin",
                    "aliases": ["dict", "x", "{'k': 1}"],
                    "auth": [{"id": "login", "kind": "custom", "run": True}],
                    "formatApiKey": False,
                    "refreshOAuth": False,
                }
            ],
            "other": [{"member": "registerTool", "detail": "search"}],
            "diagnostics": [],
        }
        assert child.told("log") == [{"level": "warn", "message": "careful"}]

    @pytest.mark.parametrize(
        ("source", "entry", "label", "export"),
        [
            ("def register(api): api.register_provider({'id': 'a', 'label': 'register'})", "", "register", {}),
            ("def activate(api): api.register_provider({'id': 'a', 'label': 'activate'})", "", "activate", {}),
            (
                (
                    "def register(api): api.register_provider({'id': 'a', 'label': 'register'})\n"
                    "def activate(api): 1 / 0\nplugin = 7"
                ),
                "",
                "register",
                {},
            ),
            (
                (
                    "class plugin:\n id = 'own'\n kind = 'memory'\n"
                    " def register(api): api.register_provider({'id': 'a', 'label': 'object'})"
                ),
                "",
                "object",
                {"exportId": "own", "exportKind": "memory"},
            ),
            (
                (
                    "class P:\n id = 7\n def activate(self, api):\n"
                    "  api.register_provider({'id': 'a', 'label': 'instance'})\nplugin = P()"
                ),
                "",
                "instance",
                {},
            ),
            ("def plugin(api): api.register_provider({'id': 'a', 'label': 'function'})", "", "function", {}),
            ("def start(api): api.register_provider({'id': 'a', 'label': 'named'})", ":start", "named", {}),
            (
                (
                    "class thing:\n id = 'x'\n class inner:\n"
                    "  def register(api): api.register_provider({'id': 'a', 'label': 'dotted'})"
                ),
                ":thing.inner",
                "dotted",
                {},
            ),
        ],
        ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
    )
    def test_what_a_module_exports(
        self, child: Child, plugin: Callable[..., Path], source: str, entry: str, label: str, export: dict[str, str]
    ) -> None:
        result = child.load(f"{plugin(source)}{entry}")["result"]
        assert [each["label"] for each in result["providers"]] == [label]
        assert {name: result[name] for name in ("exportId", "exportKind") if name in result} == export

    @pytest.mark.parametrize(
        ("source", "entry", "kind", "words"),
        [
            ("", "", "export", "plugin export missing register/activate"),
            ("register = 7", "", "export", "plugin export missing register/activate"),
            ("plugin = object()", "", "export", "plugin export missing register/activate"),
            ("", ":missing", "export", "AttributeError: module 'jackfield_plugin_acme' has no attribute 'missing'"),
            ("def register(:", "", "load", "SyntaxError: invalid syntax (plugin.py, line 1)"),
            ("import no_such_module", "", "load", "ModuleNotFoundError: No module named 'no_such_module'"),
            ("raise RuntimeError('own words')", "", "load", "own words"),
            ("class E(Exception): pass\nraise E('mine')", "", "load", "mine"),
            ("class E(Exception): pass\nraise E", "", "load", "E"),
            ("raise KeyError('k')", "", "load", "KeyError: 'k'"),
            ("raise SystemExit(3)", "", "load", "The plugin called sys.exit(3)."),
            ("import sys; sys.exit('bye')", "", "load", "The plugin called sys.exit(bye)."),
            ("raise KeyboardInterrupt", "", "load", "KeyboardInterrupt"),
            ("raise GeneratorExit", "", "load", "GeneratorExit"),
            ("class E(BaseException): pass\nraise E('base')", "", "load", "base"),
            ("def f(): f()\nf()", "", "load", "RecursionError: maximum recursion depth exceeded"),
            ("input()", "", "load", "EOFError: EOF when reading a line"),
            ("def register(api): raise ValueError('no')", "", "register", "no"),
            ("def register(api): exit_()", "", "register", "NameError: name 'exit_' is not defined"),
            (
                "def register(): pass",
                "",
                "register",
                "TypeError: register() takes 0 positional arguments but 1 was given",
            ),
            (
                "class E(Exception):\n def __str__(self): raise self\nraise E",
                "",
                "load",
                "An error that cannot be shown.",
            ),
        ],
    )
    def test_a_plugin_that_cannot_be_loaded(
        self, child: Child, plugin: Callable[..., Path], source: str, entry: str, kind: str, words: str | None
    ) -> None:
        found = failure(child.load(f"{plugin(source)}{entry}"))
        assert found[0] == kind
        if words is not None:
            assert found[1] == words
        assert child.call("login", LOGIN)["error"]["message"] == "There is no such provider."

    def test_registrations_before_a_failure_do_not_count(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin(
            "def register(api):\n api.register_provider({'id': 'a', 'auth': [{'run': print}]})\n raise OSError"
        )
        assert failure(child.load(file)) == ("register", "OSError")
        assert failure(child.call("login", LOGIN)) == ("type", "There is no such provider.")

    def test_an_async_register_is_told_and_not_awaited(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin("async def register(api):\n api.register_provider({'id': 'a'})\n print('ran')")
        result = child.load(file)["result"]
        assert result["providers"] == []
        assert result["diagnostics"] == [
            {
                "code": "plugin.async-register",
                "severity": "warning",
                "message": "plugin register returned a promise; async registration is ignored",
            }
        ]
        child.close_stdin()
        assert child.output == ""

    def test_a_plugin_is_loaded_once(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin("def register(api): pass")
        assert "result" in child.load(file)
        assert failure(child.load(file)) == ("load", "A plugin is loaded already.")

    @pytest.mark.parametrize("entry", ["", 7, None])
    def test_a_load_without_an_entry(self, child: Child, entry: object) -> None:
        child.read()
        assert failure(child.call("load", {"entry": entry, "root": "/"})) == ("load", "The plugin has no entry.")

    def test_a_file_that_is_not_there(self, child: Child, tmp_path: Path) -> None:
        kind, words = failure(child.load(tmp_path / "none.py"))
        assert kind == "load"
        assert words.startswith("FileNotFoundError: ")

    def test_the_place_may_be_relative_to_the_folder(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin("def go(api): api.register_provider({'id': 'a', 'label': __file__})", "src/main.py")
        answer = child.load("src/main.py:go", root=str(file.parent.parent))
        assert answer["result"]["providers"][0]["label"] == str(file)

    def test_a_module_is_found_on_the_search_path(self, tmp_path: Path) -> None:
        (tmp_path / "acme_plugin").mkdir()
        (tmp_path / "acme_plugin" / "__init__.py").write_text("")
        (tmp_path / "acme_plugin" / "entry.py").write_text("def go(api): api.register_provider({'id': __name__})")
        with Child(path=[*sys.path, str(tmp_path)]) as child:
            result = child.load("acme_plugin.entry:go")["result"]
        assert result["providers"][0]["id"] == "acme_plugin.entry"

    def test_relative_folders_of_the_search_path_are_left_out(self, plugin: Callable[..., Path]) -> None:
        with Child(path=["", ".", "here", *sys.path]) as child:
            file = plugin("import sys\ndef register(api): api.register_provider({'id': 'a', 'aliases': sys.path})")
            aliases = child.load(file)["result"]["providers"][0]["aliases"]
        assert all(Path(each).is_absolute() for each in aliases)

    def test_files_beside_it_can_be_imported_both_ways(self, child: Child, plugin: Callable[..., Path]) -> None:
        plugin("NAME = 'helper'", "helper.py")
        plugin("NAME = 'deep'", "lib/deep.py")
        plugin("random_is_mine = True", "random.py")
        file = plugin("""
            import random
            import helper
            from . import helper as relative
            from .lib.deep import NAME
            import dataclasses
            @dataclasses.dataclass
            class Data: x: int = 1
            def register(api):
                import pickle
                pickle.dumps(Data())
                api.register_provider({"id": "a", "aliases": [
                    helper.NAME, relative.NAME, NAME, random.choice("x"), __name__, __package__]})
        """)
        aliases = child.load(file)["result"]["providers"][0]["aliases"]
        assert aliases == ["helper", "helper", "deep", "x", "jackfield_plugin_acme", "jackfield_plugin_acme"]

    def test_errors_show_the_plugins_own_lines_and_no_others(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin("""
            def inner():
                raise KeyError("first")
            def register(api):
                try:
                    inner()
                except KeyError as error:
                    raise ValueError("second") from error
        """)
        error = child.load(file)["error"]
        stack = error["data"]["stack"]
        assert f'File "{file}", line 3, in inner\n    raise KeyError("first")' in stack
        assert f'File "{file}", line 8, in register' in stack
        assert "The above exception was the direct cause" in stack
        assert "pyhost.py" not in stack
        assert stack.endswith("ValueError: second\n")

    def test_a_long_stack_is_cut(self, child: Child, plugin: Callable[..., Path]) -> None:
        error = child.load(plugin("raise ValueError('x' * 1_000_000)"))["error"]
        assert len(error["message"]) == 4 * 1024
        assert len(error["data"]["stack"]) == 16 * 1024


A, B = ({"label": each, "value": each} for each in "ab")

ASK: list[tuple[str, tuple[object, ...], object, list[dict[str, Any]]]] = [
    ("text('Key?')", ("k",), "k", [{"kind": "text", "message": "Key?"}]),
    (
        "text('Key?', initial='a', placeholder='b')",
        ("",),
        "",
        [{"kind": "text", "message": "Key?", "initial": "a", "placeholder": "b"}],
    ),
    (
        "text({'message': 'Key?', 'initialValue': 'a'})",
        ("k",),
        "k",
        [{"kind": "text", "message": "Key?", "initial": "a"}],
    ),
    (
        "text('Key?', validate=lambda text: 'too short' if len(text) < 3 else None)",
        ("a", "ab", "abc"),
        "abc",
        [
            {"kind": "text", "message": "Key?"},
            {"kind": "text", "message": "Key?", "complaint": "too short", "initial": "a"},
            {"kind": "text", "message": "Key?", "complaint": "too short", "initial": "ab"},
        ],
    ),
    (
        "text('Key?', validate=lambda text: str(int(text)) and None)",
        ("a", "7"),
        "7",
        [
            {"kind": "text", "message": "Key?"},
            {
                "kind": "text",
                "message": "Key?",
                "complaint": "invalid literal for int() with base 10: 'a'",
                "initial": "a",
            },
        ],
    ),
    (
        "text('Key?', validate=str.isdigit)",
        ("a", "7"),
        "7",
        [
            {"kind": "text", "message": "Key?"},
            {"kind": "text", "message": "Key?", "complaint": "That is not right.", "initial": "a"},
        ],
    ),
    (
        "text('Key?', initial='old', validate=str.isdigit)",
        ("a", "7"),
        "7",
        [
            {"kind": "text", "message": "Key?", "initial": "old"},
            {"kind": "text", "message": "Key?", "initial": "a", "complaint": "That is not right."},
        ],
    ),
    (
        "secret('Key?', validate=str.isdigit)",
        ("a", "7"),
        "7",
        [
            {"kind": "text", "message": "Key?", "secret": True},
            {"kind": "text", "message": "Key?", "secret": True, "complaint": "That is not right."},
        ],
    ),
    (
        "select('Which?', [{'value': each, 'label': 'L'} for each in (True, 2**53, 2**54, 1e400, 'x' * 1001, None)])",
        (5,),
        None,
        [
            {
                "kind": "select",
                "message": "Which?",
                "options": [
                    {"label": "L", "value": True},
                    {"label": "L", "value": 2**53},
                    {"label": "L"},
                    {"label": "L"},
                    {"label": "L"},
                    {"label": "L"},
                ],
            }
        ],
    ),
    ("text('Key?', validate=lambda text: '')", ("a",), "a", [{"kind": "text", "message": "Key?"}]),
    ("secret('Key?')", ("k",), "k", [{"kind": "text", "message": "Key?", "secret": True}]),
    ("confirm('Sure?')", (True,), True, [{"kind": "confirm", "message": "Sure?"}]),
    ("confirm('Sure?', initial=True)", (False,), False, [{"kind": "confirm", "message": "Sure?", "initial": True}]),
    (
        "confirm({'message': 'Sure?', 'initialValue': False})",
        (True,),
        True,
        [{"kind": "confirm", "message": "Sure?", "initial": False}],
    ),
    (
        "select('Which?', ['a', 'b'], initial='b')",
        (0,),
        "a",
        [{"kind": "select", "message": "Which?", "options": [A, B], "initial": 1}],
    ),
    (
        "select({'message': 'Which?', 'options': [{'value': [1], 'label': 'A', 'hint': 'H'}, {'label': 'B'}]})",
        (0,),
        [1],
        [{"kind": "select", "message": "Which?", "options": [{"label": "A", "hint": "H"}, {"label": "B"}]}],
    ),
    (
        "select('Which?', [{'value': 1}, {'value': True}, {'value': 1.0}], initialValue=True)",
        (2,),
        1.0,
        [
            {
                "kind": "select",
                "message": "Which?",
                "options": [
                    {"label": "1", "value": 1},
                    {"label": "True", "value": True},
                    {"label": "1.0", "value": 1.0},
                ],
                "initial": 1,
            }
        ],
    ),
    (
        "multiselect('Which?', ['a', 'b', 'c'], initial=['c', 'x', 'a'])",
        ([1, 2],),
        ["b", "c"],
        [
            {
                "kind": "multiselect",
                "message": "Which?",
                "options": [A, B, {"label": "c", "value": "c"}],
                "initial": [2, 0],
            }
        ],
    ),
    (
        "multiselect({'message': 'Which?', 'options': ['a'], 'initialValues': ['a']})",
        ([],),
        [],
        [{"kind": "multiselect", "message": "Which?", "options": [A], "initial": [0]}],
    ),
]

BOTH = pytest.mark.parametrize("colour", ["async def", "def"])


def spelled(colour: str, source: str) -> str:
    """Return source for an `async def` or a `def`: `AWAIT` and `DEF` are filled in."""
    wait = "await " if colour == "async def" else ""
    return dedent(source).replace("DEF", colour).replace("AWAIT ", wait) + REGISTER


class TestPrompts:
    @BOTH
    @pytest.mark.parametrize(("call", "answers", "value", "prompts"), ASK, ids=[each[0][:40] for each in ASK])
    def test_each_kind(
        self,
        child: Child,
        plugin: Callable[..., Path],
        colour: str,
        call: str,
        answers: tuple[object, ...],
        value: object,
        prompts: list[dict[str, Any]],
    ) -> None:
        file = plugin(spelled(colour, f"DEF login(ctx):\n    return {{'value': AWAIT ctx.prompter.{call}}}\n"))
        answer, user = login(child, file, *answers)
        assert answer["result"] == {"value": value}
        assert user.prompts == prompts

    @BOTH
    def test_what_is_told_and_shown(self, child: Child, plugin: Callable[..., Path], colour: str) -> None:
        file = plugin(
            spelled(
                colour,
                """
                DEF login(ctx):
                    note, open_url = ctx.prompter.note, ctx.openUrl  # detached, as older plugins pass them
                    AWAIT ctx.prompter.intro("Hello")
                    AWAIT note("Text", "Title")
                    AWAIT note("Plain")
                    with ctx.prompter.progress("Waiting") as first:
                        first.update("still")
                    second = ctx.prompter.progress("Again")
                    second.stop("done")
                    AWAIT open_url("https://acme.example/")
                    ctx.runtime.log("a", 1)
                    ctx.runtime.error("b")
                    AWAIT ctx.prompter.outro("Bye")
                    return {}
                """,
            )
        )
        answer, user = login(child, file)
        assert answer["result"] == {}
        assert user.asked == [
            ("intro", {"message": "Hello"}),
            ("note", {"message": "Text", "title": "Title"}),
            ("note", {"message": "Plain"}),
            ("openUrl", {"url": "https://acme.example/"}),
            ("outro", {"message": "Bye"}),
        ]
        assert child.told("progress") == [
            {"token": 1, "event": "start", "message": "Waiting"},
            {"token": 1, "event": "update", "message": "still"},
            {"token": 1, "event": "stop"},
            {"token": 2, "event": "start", "message": "Again"},
            {"token": 2, "event": "stop", "message": "done"},
        ]
        assert child.told("log") == [{"level": "info", "message": "a 1"}, {"level": "error", "message": "b"}]

    @BOTH
    @pytest.mark.parametrize(
        ("code", "name"), [(-32001, "WizardCancelledError"), (-32002, "NeedsTerminalError"), (-32602, "PluginError")]
    )
    def test_an_error_of_the_program_is_an_error_of_the_prompt(
        self, child: Child, plugin: Callable[..., Path], colour: str, code: int, name: str
    ) -> None:
        file = plugin(
            spelled(
                colour,
                """
                DEF login(ctx):
                    try:
                        AWAIT ctx.prompter.text("Key?")
                    except Exception as error:
                        return {"caught": type(error).__name__, "said": str(error)}
                """,
            )
        )
        answer, _ = login(child, file, Refusal(code))
        assert answer["result"] == {"caught": name, "said": "as the parent says"}

    @BOTH
    def test_a_login_that_the_user_ended_says_so(self, child: Child, plugin: Callable[..., Path], colour: str) -> None:
        file = plugin(spelled(colour, "DEF login(ctx):\n    AWAIT ctx.prompter.text('Key?')\n"))
        answer, _ = login(child, file, Refusal(-32001))
        assert answer["error"]["code"] == pyhost.CANCELLED
        assert failure(answer) == ("run", "as the parent says")

    @BOTH
    @pytest.mark.parametrize(
        ("call", "answer"),
        [
            ("text('x')", 7),
            ("text('x')", None),
            ("confirm('x')", "yes"),
            ("select('x', ['a'])", 1),
            ("select('x', ['a'])", -1),
            ("select('x', ['a'])", True),
            ("select('x', ['a'])", "a"),
            ("multiselect('x', ['a'])", 0),
            ("multiselect('x', ['a'])", [1]),
        ],
    )
    def test_an_answer_that_does_not_fit_is_an_error(
        self, child: Child, plugin: Callable[..., Path], colour: str, call: str, answer: object
    ) -> None:
        file = plugin(spelled(colour, f"DEF login(ctx):\n    return AWAIT ctx.prompter.{call}\n"))
        found, _ = login(child, file, answer)
        kind, words = failure(found)
        assert kind == "run"
        assert words.startswith("The answer to a prompt was not ")

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            ("text('x', vaildate=print)", "TypeError: text() has no option 'vaildate'"),
            ("text('x', validate=lambda text: 7)", "TypeError: validate returns a complaint (text) or None, not int"),
            ("text('x', validate=lambda text: 1 / 0)", "ZeroDivisionError: division by zero"),
        ],
    )
    def test_a_slip_of_the_plugin_is_its_own_error(
        self, child: Child, plugin: Callable[..., Path], call: str, words: str
    ) -> None:
        file = plugin(spelled("def", f"def login(ctx):\n    ctx.prompter.{call}\n"))
        assert failure(login(child, file, "answer")[0]) == ("run", words)

    @BOTH
    def test_a_cancel_rejects_what_is_open_and_all_that_follows(
        self, child: Child, plugin: Callable[..., Path], colour: str
    ) -> None:
        file = plugin(
            spelled(
                colour,
                """
                DEF login(ctx):
                    caught = []
                    for _ in range(2):
                        try:
                            AWAIT ctx.prompter.text("Key?")
                        except Exception as error:
                            caught.append([type(error).__name__, str(error)])
                    return {"caught": caught}
                """,
            )
        )
        child.load(file)
        number = child.start("login", LOGIN)
        assert child.read()["method"] == "prompt"
        child.write({"method": "cancel", "params": {}})
        error = ["WizardCancelledError", "wizard cancelled"]
        assert child.finish(number)["result"] == {"caught": [error, error]}
        again = child.start("login", LOGIN)
        asked = child.read()
        child.answer(asked, {"value": "x"})
        assert child.read()["method"] == "prompt"
        child.write({"method": "cancel"})
        assert child.finish(again)["result"] == {"caught": [error]}

    def test_a_cancel_ends_an_async_login_that_waits_for_something_else(
        self, child: Child, plugin: Callable[..., Path]
    ) -> None:
        file = plugin(
            spelled(
                "async def",
                """
                import asyncio
                async def login(ctx):
                    ctx.runtime.log("waiting")
                    try:
                        await asyncio.Event().wait()
                    finally:
                        ctx.runtime.log("cleaned up")
                """,
            )
        )
        child.load(file)
        number = child.start("login", LOGIN)
        assert child.read()["params"]["message"] == "waiting"
        child.write({"method": "cancel"})
        answer = child.finish(number)
        assert answer["error"]["code"] == pyhost.CANCELLED
        assert [each["message"] for each in child.told("log")] == ["waiting", "cleaned up"]

    def test_several_questions_may_be_open_at_once(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin(
            spelled(
                "async def",
                """
                import asyncio
                async def login(ctx):
                    answers = await asyncio.gather(*(ctx.prompter.text(name) for name in "abc"))
                    return {"answers": answers}
                """,
            )
        )
        child.load(file)
        number = child.start("login", LOGIN)
        asked = [child.read() for _ in range(3)]
        for message in reversed(asked):
            child.answer(message, {"value": message["params"]["message"].upper()})
        assert child.finish(number)["result"] == {"answers": ["A", "B", "C"]}

    def test_threads_of_a_plain_function_may_ask(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin(
            spelled(
                "def",
                """
                from concurrent.futures import ThreadPoolExecutor
                def login(ctx):
                    with ThreadPoolExecutor() as pool:
                        return {"answers": list(pool.map(ctx.prompter.text, "abc"))}
                """,
            )
        )
        child.load(file)
        number = child.start("login", LOGIN)
        for message in [child.read() for _ in range(3)]:
            child.answer(message, {"value": message["params"]["message"] * 2})
        assert child.finish(number)["result"] == {"answers": ["aa", "bb", "cc"]}

    def test_a_plain_function_that_returns_a_coroutine_is_awaited(
        self, child: Child, plugin: Callable[..., Path]
    ) -> None:
        file = plugin(
            """
            async def inner(ctx, first):
                return {"answers": [first, await ctx.prompter.text("second")]}
            def login(ctx):
                return inner(ctx, ctx.prompter.text("first"))
            """
            + REGISTER.replace("\n", "\n            ")
        )
        assert login(child, file, "1", "2")[0]["result"] == {"answers": ["1", "2"]}

    def test_when_the_login_is_over_nothing_more_is_asked(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin(
            spelled(
                "def",
                """
                kept = []
                def login(ctx):
                    if kept:
                        try:
                            kept[0].prompter.text("late")
                        except Exception as error:
                            return {"caught": type(error).__name__}
                    kept.append(ctx)
                    import threading
                    threading.Thread(target=ctx.prompter.text, args=("open",), daemon=True).start()
                    ctx.prompter.text("now")
                    return {}
                """,
            )
        )
        child.load(file)
        number = child.start("login", LOGIN)
        asked = {message["params"]["message"]: message for message in (child.read(), child.read())}
        child.answer(asked["now"], {"value": "x"})
        assert child.finish(number)["result"] == {}
        child.answer(asked["open"], {"value": "too late"})
        assert child.call("nonsense", {})["error"]["code"] == -32601


class TestContext:
    @BOTH
    def test_it_has_what_the_older_one_has_in_both_spellings(
        self, child: Child, plugin: Callable[..., Path], colour: str
    ) -> None:
        file = plugin(
            spelled(
                colour,
                """
                DEF login(ctx):
                    assert ctx.agent_dir == ctx.agentDir and ctx.workspace_dir == ctx.workspaceDir
                    assert ctx.is_remote is ctx.isRemote
                    return {"agent": ctx.agent_dir, "work": ctx.workspace_dir, "remote": ctx.is_remote,
                            "config": ctx.config}
                """,
            )
        )
        assert login(child, file)[0]["result"] == {
            "agent": "/agent",
            "work": "/work",
            "remote": False,
            "config": {"models": {"list": [1]}},
        }

    def test_each_login_has_a_config_of_its_own_that_it_may_change(
        self, child: Child, plugin: Callable[..., Path]
    ) -> None:
        source = """
            def login(ctx):
                ctx.config.setdefault("seen", []).append(1)
                ctx.config["models"]["list"].append(2)
                return ctx.config
            """
        changed = {"models": {"list": [1, 2]}, "seen": [1]}
        assert login(child, plugin(dedent(source) + REGISTER))[0]["result"] == changed
        assert child.call("login", LOGIN, User())["result"] == changed

    @pytest.mark.parametrize("context", [{}, None, [], {"isRemote": "yes", "config": None}])
    def test_what_is_not_told_is_none(self, child: Child, plugin: Callable[..., Path], context: object) -> None:
        source = "def login(ctx):\n    return [ctx.config, ctx.agent_dir, ctx.workspace_dir, ctx.is_remote]\n"
        child.load(plugin(source + REGISTER))
        answer = child.call("login", {**LOGIN, "context": context})
        assert answer["result"] == [None, None, None, False]

    def test_exit_ends_the_login_and_not_the_process(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin("def login(ctx):\n    ctx.runtime.exit(2)\n" + REGISTER)
        assert failure(login(child, file)[0]) == ("run", "The login ended itself with exit(2).")
        assert failure(child.call("login", LOGIN, User())) == ("run", "The login ended itself with exit(2).")

    @BOTH
    def test_a_browser_login_on_this_machine(self, child: Child, plugin: Callable[..., Path], colour: str) -> None:
        file = plugin(spelled(colour, HANDLERS))
        answer, user = login(child, file, " ", "code")
        assert answer["result"] == {"code": "code"}
        assert [method for method, _ in user.asked] == ["openUrl", "prompt", "prompt"]
        assert user.prompts == [
            {"kind": "text", "message": "Paste", "placeholder": "http"},
            {"kind": "text", "message": "Paste", "placeholder": "http", "complaint": "Required", "initial": " "},
        ]
        assert child.told("progress")[1] == {"token": 1, "event": "update", "message": "Look at your browser"}
        assert child.told("log") == [{"level": "info", "message": "Open: https://acme.example/auth"}]

    @BOTH
    def test_a_browser_login_on_a_remote_machine_asks_before_it_is_asked(
        self, child: Child, plugin: Callable[..., Path], colour: str
    ) -> None:
        child.load(plugin(spelled(colour, HANDLERS)))
        number = child.start("login", {**LOGIN, "context": {**CONTEXT, "isRemote": True}})
        messages = [child.read() for _ in range(4)]
        assert [each["method"] for each in messages] == ["progress", "progress", "log", "prompt"]
        assert messages[1]["params"] == {"token": 1, "event": "stop", "message": "OAuth URL ready"}
        assert "https://acme.example/auth" in messages[2]["params"]["message"]
        assert messages[3]["params"] == {"kind": "text", "message": "Paste the redirect URL (or the code)"}
        child.answer(messages[3], {"value": "pasted"})
        assert child.finish(number)["result"] == {"code": "pasted"}
        assert child.told("openUrl") == []


HANDLERS = """
DEF login(ctx):
    spin = ctx.prompter.progress("Starting")
    handlers = ctx.oauth.createVpsAwareHandlers({
        "isRemote": ctx.isRemote, "prompter": ctx.prompter, "runtime": ctx.runtime, "spin": spin,
        "openUrl": ctx.openUrl, "localBrowserMessage": "Look at your browser",
    })
    AWAIT handlers.onAuth({"url": "https://acme.example/auth"})
    return {"code": AWAIT handlers.on_prompt({"message": "Paste", "placeholder": "http"})}
"""


class TestResults:
    @BOTH
    def test_names_in_snake_case_are_spelled_as_the_program_spells_them(
        self, child: Child, plugin: Callable[..., Path], colour: str
    ) -> None:
        file = plugin(
            spelled(
                colour,
                """
                DEF login(ctx):
                    credential = {"type": "api_key", "default_model": 1}
                    return {
                        "profiles": ({"profile_id": "acme:x", "credential": credential}, 7),
                        "config_patch": {"config_patch": {}}, "default_model": "acme/m", "notes": ["n"],
                    }
                """,
            )
        )
        assert login(child, file)[0]["result"] == {
            "profiles": [{"profileId": "acme:x", "credential": {"type": "api_key", "default_model": 1}}, 7],
            "configPatch": {"config_patch": {}},
            "defaultModel": "acme/m",
            "notes": ["n"],
        }

    @pytest.mark.parametrize("result", [None, 7, "text", [1, [2]], True, 1.5, {"a": None}])
    def test_any_json_value_goes_through_for_the_program_to_judge(
        self, child: Child, plugin: Callable[..., Path], result: object
    ) -> None:
        file = plugin(f"def login(ctx):\n    return {result!r}\n" + REGISTER)
        assert login(child, file)[0]["result"] == result

    @pytest.mark.parametrize(
        ("result", "words"),
        [
            ("object()", "result is a value of type object, which JSON does not have."),
            (
                "{'profiles': [{'credential': {'expires': float('nan')}}]}",
                "result.profiles[0].credential.expires is not a finite number, which JSON does not have.",
            ),
            ("{'notes': {1, 2}}", "result.notes is a value of type set, which JSON does not have."),
            ("{'notes': b'x'}", "result.notes is a value of type bytes, which JSON does not have."),
            ("{7: 1}", "result is an object with a key of type int, which JSON does not have."),
            ("RING", "is nested too deeply, which JSON does not have."),
            ("10 ** 5000", "Exceeds the limit"),
            ("'x' * 5_000_000", "bytes; at most 4194304 are taken."),
            ("Broken()", "ZeroDivisionError: division by zero"),
        ],
    )
    def test_what_json_does_not_have_is_an_error_that_names_the_place(
        self, child: Child, plugin: Callable[..., Path], result: str, words: str
    ) -> None:
        source = f"""
from collections.abc import Mapping
RING = []
RING.append(RING)
class Broken(Mapping):
    def __getitem__(self, key): 1 / 0
    def __iter__(self): 1 / 0
    def __len__(self): return 1
def login(ctx):
    return {result}
"""
        kind, said = failure(login(child, plugin(source + REGISTER))[0])
        assert kind == ("run" if "Broken" in result else "type")
        assert words in said

    @pytest.mark.parametrize(
        ("params", "words"),
        [
            ({"provider": 1, "method": 0}, "There is no such provider."),
            ({"provider": -1, "method": 0}, "There is no such provider."),
            ({"provider": "0", "method": 0}, "There is no such provider."),
            ({}, "There is no such provider."),
            ({"provider": 0, "method": 5}, "The provider has no such login method."),
            ({"provider": 0, "method": -1}, "The provider has no such login method."),
            ({"provider": 0}, "The provider has no such login method."),
        ],
    )
    def test_a_login_that_is_not_there(
        self, child: Child, plugin: Callable[..., Path], params: dict[str, object], words: str
    ) -> None:
        child.load(plugin("def login(ctx): pass\n" + REGISTER))
        assert failure(child.call("login", params)) == ("type", words)


FUNCTIONS = """
DEF make(credential):
    if credential["key"] == "raise": raise ValueError("cannot")
    return credential["key"] if isinstance(credential["key"], int) else credential["key"] + "!"
DEF renew(credential):
    if credential.get("access") == "raise": raise ValueError("cannot")
    credential["access"] = "new"
    return credential if credential.get("access_only") is None else object()
def register(api):
    api.register_provider({"id": "acme", "format_api_key": make, "refresh_oauth": renew})
    api.register_provider({"id": "bare"})
"""


class TestCredentials:
    @BOTH
    def test_functions_make_keys_and_renew_credentials(
        self, child: Child, plugin: Callable[..., Path], colour: str
    ) -> None:
        child.load(plugin(FUNCTIONS.replace("DEF", colour)))
        made = child.call("formatApiKey", {"provider": 0, "credential": {"key": "k"}})
        assert made["result"] == {"value": "k!"}
        renewed = child.call("refreshOAuth", {"provider": 0, "credential": {"access": "old", "refresh": "r"}})
        assert renewed["result"] == {"access": "new", "refresh": "r"}

    @BOTH
    @pytest.mark.parametrize(
        ("method", "provider", "credential", "expected"),
        [
            ("formatApiKey", 0, {"key": 7}, ("type", "formatApiKey returned a value of type int, not text.")),
            ("formatApiKey", 0, {"key": "raise"}, ("run", "cannot")),
            ("formatApiKey", 1, {"key": "k"}, ("type", "The provider has no such function.")),
            ("formatApiKey", 2, {"key": "k"}, ("type", "There is no such provider.")),
            ("refreshOAuth", 0, {"access": "raise"}, ("run", "cannot")),
            (
                "refreshOAuth",
                0,
                {"access_only": 1},
                ("type", "result is a value of type object, which JSON does not have."),
            ),
            ("refreshOAuth", 1, {}, ("type", "The provider has no such function.")),
        ],
    )
    def test_what_goes_wrong_is_told(
        self,
        child: Child,
        plugin: Callable[..., Path],
        colour: str,
        method: str,
        provider: int,
        credential: dict[str, object],
        expected: tuple[str, str],
    ) -> None:
        child.load(plugin(FUNCTIONS.replace("DEF", colour)))
        assert failure(child.call(method, {"provider": provider, "credential": credential})) == expected


SPY = """
def login(ctx):
    return {"said": ctx.prompter.text("Key?")}
"""
# Plugins that break what is around them; the protocol stays whole, and the login still works.
RUDE = {
    "prints": "print('{\"jsonrpc\": \"2.0\"}'); import sys; sys.stdout.write('half'); sys.stderr.write('x')",
    "prints on descriptor 1": "import os; os.write(1, b'{\"jsonrpc\": \"2.0\"}\\n'); os.system('echo from a shell')",
    "closes its streams": "import os, sys; sys.stdout.close(); os.close(1)",
    "replaces json": "import json; json.dumps = json.loads = json.JSONEncoder = json.JSONDecoder = None",
    "replaces json's parts": "import json.encoder, json.decoder, json.scanner\n"
    "json.encoder.c_make_encoder = json.encoder.encode_basestring_ascii = None\njson.decoder.scanstring = None",
    "replaces os": "import os; os.write = os.read = os.getpid = os.dup = None",
    "removes builtins": """
import builtins
KEPT = {name: getattr(builtins, name) for name in ('len', 'isinstance', 'dict', 'str', 'type', 'getattr', 'callable')}
for name in KEPT: delattr(builtins, name)
""",
    "replaces print": "import builtins; builtins.print = None",
    "replaces threads": "import threading, _thread; threading.Thread = None; _thread.allocate_lock = None",
    "empties sys.modules": "import sys\nfor n in [*sys.modules]:\n if 'jackfield' in n: del sys.modules[n]",
    "clears sys.path": "import sys; sys.path.clear()",
    "changes the folder": "import os; os.chdir('/')",
    "reads standard input": "import os, sys; assert sys.stdin.read() == ''; assert os.read(0, 10) == b''",
    "closes standard input": "import os, sys; sys.stdin.close(); os.close(0)",
    "sets a low limit of recursion": "import sys; sys.setrecursionlimit(70)",
    "traces": "import sys; sys.settrace(lambda *a: None)",
    "ignores signals": "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "leaves a thread that raises": "import threading; t = threading.Thread(target=lambda: 1 / 0); t.start(); t.join()",
    "leaves a thread that exits": "import threading, sys; t = threading.Thread(target=sys.exit); t.start(); t.join()",
    "sets hooks": "import sys; sys.excepthook = sys.displayhook = None; sys.unraisablehook = lambda *a: 1 / 0",
    "forks and waits": "import os; pid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)",
    "breaks locale": "import locale, os; os.environ.clear()",
    "collects garbage never": "import gc; gc.disable(); gc.freeze()",
}


class TestHostilePlugins:
    @pytest.mark.parametrize("source", RUDE.values(), ids=RUDE)
    def test_one_that_breaks_what_is_around_it_still_speaks(
        self, child: Child, plugin: Callable[..., Path], source: str
    ) -> None:
        file = plugin(f"{source}\n{SPY}{REGISTER}")
        answer, user = login(child, file, "fine")
        assert answer["result"] == {"said": "fine"}
        assert len(user.asked) == 1

    @pytest.mark.parametrize(
        ("source", "status"),
        [
            ("import os; os._exit(3)", 3),
            ("import os; os.abort()", -6),
            ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", -9),
            ("import os, sys; os.execv(sys.executable, ['python', '-S', '-c', 'raise SystemExit(1)'])", 1),
            ("import os; os.closerange(3, 64)", 0),
        ],
    )
    @pytest.mark.parametrize("place", ["load", "register", "login"])
    def test_one_that_ends_the_process_is_seen_by_its_end(
        self, child: Child, plugin: Callable[..., Path], source: str, status: int, place: str
    ) -> None:
        bodies = {name: source if name == place else "pass" for name in ("load", "register", "login")}
        file = plugin(f"{bodies['load']}\ndef login(ctx):\n    {bodies['login']}\n{REGISTER}    {bodies['register']}\n")
        with pytest.raises(Ended) as caught:
            login(child, file)
        assert caught.value.status == status

    def test_a_fork_that_comes_back_does_not_speak(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin("import os\ndef login(ctx):\n    return {'child': os.fork() == 0}\n" + REGISTER)
        answers = [login(child, file)[0]["result"], child.call("login", LOGIN)["result"]]
        assert answers == [{"child": False}, {"child": False}]

    @pytest.mark.parametrize(
        ("source", "words"),
        [
            ("import sys; sys.exit(4)", "The plugin called sys.exit(4)."),
            ("raise SystemExit", "The plugin called sys.exit()."),
            ("raise KeyboardInterrupt", "KeyboardInterrupt"),
            ("raise BaseException('base')", "BaseException: base"),
            (
                "raise BaseExceptionGroup('several', [KeyboardInterrupt()])",
                "BaseExceptionGroup: several (1 sub-exception)",
            ),
            ("f = lambda: f(); f()", "RecursionError: maximum recursion depth exceeded"),
            ("g = {}; g['x']", "KeyError: 'x'"),
            ("raise MemoryError", "MemoryError"),
            ("next(iter(()))", "StopIteration"),
            ("assert False", "AssertionError"),
            ("raise Fancy", "An error that cannot be shown."),
            ("import signal; signal.raise_signal(signal.SIGINT)", "KeyboardInterrupt"),
        ],
    )
    @BOTH
    def test_whatever_a_login_raises_is_an_answer(
        self, child: Child, plugin: Callable[..., Path], colour: str, source: str, words: str
    ) -> None:
        file = plugin(
            f"class Fancy(Exception):\n    def __str__(self): return 7\n{colour} login(ctx):\n    {source}\n{REGISTER}"
        )
        answer, _ = login(child, file)
        kind, said = failure(answer)
        assert kind == "run"
        assert answer["error"]["code"] == -32000
        if colour == "async def" and "StopIteration" in words:
            words = "coroutine raised StopIteration"
        assert said == words
        assert failure(child.call("login", LOGIN)) == (kind, said)

    @pytest.mark.parametrize(
        "value",
        [
            "type('T', (), {'__getattribute__': lambda *a: 1 / 0})()",
            "type('T', (), {'__await__': property(lambda s: 1 / 0)})()",
            "type('T', (), {'__class__': property(lambda s: 1 / 0)})()",
            "type('T', (dict,), {'items': lambda s: [(1,)]})()",
            "type('T', (list,), {'__iter__': lambda s: 1 / 0})()",
            "type('T', (str,), {'__str__': lambda s: 7})('x')",
        ],
    )
    def test_a_value_that_fights_back_is_an_answer_of_some_kind(
        self, child: Child, plugin: Callable[..., Path], value: str
    ) -> None:
        file = plugin(f"def login(ctx):\n    return {value}\n" + REGISTER)
        first, _ = login(child, file)
        assert ("error" in first) or first["result"] == "x"
        assert "id" in child.call("nonsense", {})

    def test_tasks_that_a_login_leaves_behind_hold_nothing_up(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin(
            spelled(
                "async def",
                """
                import asyncio, time, threading
                async def stubborn():
                    while True:
                        try:
                            await asyncio.sleep(0)
                        except asyncio.CancelledError:
                            pass
                async def login(ctx):
                    ctx.task = asyncio.create_task(stubborn())
                    ctx.pool = asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
                    await asyncio.sleep(0)
                    return {}
                """,
            )
        )
        assert login(child, file)[0]["result"] == {}
        assert child.call("login", LOGIN)["result"] == {}
        child.close_stdin()
        assert child.ended() == 0

    def test_the_pipe_is_not_inherited_by_what_a_plugin_starts(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin("""
            import os, subprocess, sys
            CODE = "import os\\nfor n in range(3, 64):\\n try: os.fstat(n); print(n)\\n except OSError: pass"
            def register(api):
                argv = [sys.executable, "-S", "-c", CODE]
                out = subprocess.run(argv, capture_output=True, text=True, close_fds=False)
                api.register_provider({"id": "a", "label": out.stdout + out.stderr})
        """)
        assert child.load(file)["result"]["providers"][0]["label"] == ""

    def test_output_is_kept_in_order_and_not_held_back(self, child: Child, plugin: Callable[..., Path]) -> None:
        file = plugin(
            "import sys, os\nprint('one', end=' ')\nsys.stderr.write('two ')\nsys.stdout.write('three ')\n"
            "def register(api):\n    print('four')\n    os._exit(0)\n"
        )
        with pytest.raises(Ended):
            child.load(file)
        assert child.output == "one two three four\n"


class TestCodec:
    VALUES: tuple[object, ...] = (
        None,
        True,
        0,
        -1.5,
        'é\u2028\ud800"\\\n',
        [],
        {},
        [[{"a": [1, "b"]}]],
        {"k": None},
        10**30,
        1e300,
    )

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_it_writes_and_reads_what_json_writes_and_reads(self, value: object) -> None:
        encode, decode = pyhost._codec()
        assert encode(value) == json.dumps(value, separators=(",", ":"))
        assert decode(f" {json.dumps(value)}\r") == value

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    def test_without_the_parts_in_c_it_is_the_same(self, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = pyhost._codec()[0](value)
        monkeypatch.setitem(sys.modules, "_json", None)
        encode, decode = pyhost._codec()
        assert encode(value) == whole
        assert decode(whole) == value

    @pytest.mark.parametrize("parts_in_c", [True, False])
    def test_nan_is_refused_both_ways(self, monkeypatch: pytest.MonkeyPatch, parts_in_c: bool) -> None:
        if not parts_in_c:
            monkeypatch.setitem(sys.modules, "_json", None)
        encode, decode = pyhost._codec()
        with pytest.raises(ValueError, match="not JSON compliant"):
            encode([float("nan")])
        with pytest.raises(ValueError, match="NaN"):
            decode("[NaN]")

    @pytest.mark.parametrize("text", ["", "{", "[1,", "nul", '{"a" 1}', '"\x01"', "1 2", "{} x"])
    def test_what_is_no_json_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - whose words they are depends on what was imported
            pyhost._codec()[1](text)


def test_the_start_brings_few_modules() -> None:
    """Counted and not timed, because times differ by machine."""
    code = f"""
import sys
before = set(sys.modules)
sys.path.append({SOURCE!r})
from jackfield.plugins import api, pyhost, pysurface
print(len(set(sys.modules) - before))
"""
    found = subprocess.run([sys.executable, "-S", "-E", "-c", code], capture_output=True, text=True, timeout=30)
    assert int(found.stdout) <= 35, found
