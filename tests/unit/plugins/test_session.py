"""A plugin's process as seen from here: answers when it behaves, and a named error within the deadline when not."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from jackfield.auth.answers import AnswersPrompter
from jackfield.auth.prompter import NobodyPrompter, Option, Progress, Prompter, Question
from jackfield.diagnostics import Diagnostic
from jackfield.errors import (
    AnswerError,
    CancelledError,
    InternalError,
    JackfieldError,
    NeedsTerminalError,
    PluginError,
    RequestError,
)
from jackfield.plugins.desk import Secrets, one_line
from jackfield.plugins.session import SEE_OUTPUT, Limits, LoadResult, PluginSession

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

T = TypeVar("T")

ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
# What is promised beyond a deadline, and as much again for a machine that stalls; seconds.
SLACK = 2.0

# Before the code of every child: the protocol by hand, so that a child can break it at any place.
PRELUDE = """
import json, os, signal, sys, time
FD = int(sys.argv[sys.argv.index("--fd") + 1])
def raw(data):
    while data: data = data[os.write(FD, data):]
def send(**members): raw(json.dumps({"jsonrpc": "2.0", **members}).encode() + b"\\n")
def receive():
    line = sys.stdin.readline()
    if not line: os._exit(0)
    return json.loads(line)
def ready(**changes): send(method="ready", params={"protocol": 1, "runtime": "probe 1.2", **changes})
def reply(to, result): send(id=to["id"], result=result)
def fail(to, message, **data): send(id=to["id"], error={"code": 1, "message": message, "data": data})
def ask(method, number=1, **params):
    send(id=number, method=method, params=params)
    while True:
        got = receive()
        if got.get("id") == number and "method" not in got: return got
def prompt(kind, message="What?", number=1, **params):
    return ask("prompt", number, kind=kind, message=message, **params)
def forever():
    while True: signal.pause()
LOADED = {"providers": [], "other": [], "diagnostics": []}
"""
READY = "ready()\n"
LOADS = READY + "reply(receive(), LOADED)\n"
LOGIN = READY + "asked = receive()\n"


def acme(code: str, limits: Limits | None = None) -> PluginSession:
    """Return the session of a plugin whose process runs `code`."""
    command = [sys.executable, "-S", "-E", "-c", PRELUDE + code]
    return PluginSession("acme", command, env=ENV, cwd="/", limits=limits)


def run(main: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(main, 30))


def used(code: str, use: Callable[[PluginSession], Awaitable[T]], limits: Limits | None = None) -> T:
    """Run a child, use its session, and leave it."""

    async def main() -> T:
        async with acme(code, limits) as session:
            return await use(session)

    return run(main())


class Person(Prompter):
    """Answers with what the functions or values given say, and remembers all it was shown."""

    can_retry = True

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.questions: list[Question] = []
        self.seen: list[tuple[object, ...]] = []
        self.asked = asyncio.Event()

    async def ask(self, question: Question) -> object:
        self.questions.append(question)
        self.asked.set()
        self.seen.append(("ask", question.message))
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            answer = answer(question)
        return await answer if asyncio.iscoroutine(answer) or asyncio.isfuture(answer) else answer

    async def tell(self, message: str, title: str | None = None) -> None:
        self.seen.append(("tell", message, title))

    async def intro(self, title: str) -> None:
        self.seen.append(("intro", title))

    async def outro(self, message: str) -> None:
        self.seen.append(("outro", message))

    def progress(self, label: str) -> Progress:
        self.seen.append(("progress", label))
        return Shown(self.seen)


class Shown(Progress):
    def __init__(self, seen: list[tuple[object, ...]]) -> None:
        self.seen = seen

    def update(self, message: str) -> None:
        self.seen.append(("update", message))

    def stop(self, message: str | None = None) -> None:
        self.seen.append(("stop", message))


def choose(*labels: str) -> Callable[[Question], object]:
    """Return an answer: the values of the options with these labels."""

    def answer(question: Question) -> object:
        values = [each.value for each in question.options if each.label in labels]
        return values if question.kind == "multiselect" else values[0]

    return answer


async def no_page(url: str) -> None:
    pytest.fail(f"opened {url}")


def logged_in(
    code: str,
    prompter: Prompter | None = None,
    open_url: Callable[[str], Awaitable[object]] = no_page,
    limits: Limits | None = None,
) -> Any:
    """Run one login of a child that was asked already (`asked`), and return its result."""

    async def use(session: PluginSession) -> bytes:
        return await session.login(0, 0, {}, prompter or Person(), open_url)

    return json.loads(used(LOGIN + code, use, limits))


def scripted(code: str, answers: Sequence[object]) -> tuple[Any, list[str]]:
    said: list[str] = []
    return logged_in(code, AnswersPrompter(answers, said.append)), said


def failure(code: str, use: Callable[[PluginSession], Awaitable[object]], limits: Limits | None = None) -> PluginError:
    with pytest.raises(PluginError) as caught:
        used(code, use, limits)
    assert "'acme'" in caught.value.message
    assert caught.value.fix
    return caught.value


async def load(session: PluginSession) -> LoadResult:
    return await session.load({})


async def login(session: PluginSession) -> bytes:
    return await session.login(0, 0, {}, Person(), no_page)


async def refresh(session: PluginSession) -> object:
    return await session.refresh_oauth(0, {"type": "oauth", "refresh": "old-refresh-token"})


async def format_key(session: PluginSession) -> object:
    return await session.format_api_key(0, {"type": "oauth", "access": "old-access-token"})


# --- a plugin that behaves -------------------------------------------------------------------------------------------


def test_a_session_tells_what_runs_the_plugin() -> None:
    async def use(session: PluginSession) -> str:
        return session.runtime

    assert used(READY, use) == "probe 1.2"


def test_a_command_may_be_built_around_the_number_of_the_pipe() -> None:
    def command(fd: int) -> list[str]:
        return [sys.executable, "-S", "-E", "-c", PRELUDE + READY + "receive()", "first", "--fd", str(fd), "last"]

    async def main() -> str:
        async with PluginSession("acme", command, env=ENV, cwd="/") as session:
            return session.runtime

    assert run(main()) == "probe 1.2"


def test_what_a_plugin_registered_is_handed_on_as_it_is() -> None:
    descriptors = [{"id": "acme", "label": 3, "auth": None, "extra": {"deep": [1, "\x1b[31m"]}}, {}]
    code = (
        READY
        + f"""
reply(receive(), {{
    "providers": json.loads({json.dumps(descriptors)!r}),
    "other": [{{"member": "registerTool", "detail": "acme\\x1b[2Jtool"}}, {{"member": "on"}}],
    "diagnostics": [
        {{"code": "plugin.async-register", "severity": "warning", "message": "a promise\\nis ignored"}},
        {{"code": "config.mine", "severity": "fatal", "message": 3}},
    ],
    "exportId": "acme", "exportKind": "memory", "more": 1,
}})
"""
    )
    assert used(code, load) == LoadResult(
        providers=tuple(descriptors),
        other=({"member": "registerTool", "detail": "acmetool"}, {"member": "on", "detail": ""}),
        diagnostics=(
            Diagnostic("plugin.async-register", "a promise is ignored", "warning", owner="plugin:acme"),
            Diagnostic("plugin.reported", "", "error", owner="plugin:acme"),
        ),
        export_id="acme",
        export_kind="memory",
    )


def test_a_request_reaches_the_child_as_it_was_given() -> None:
    params = {"entry": "/x/index.ts", "config": {"models": {"a": [1, None, True, 1.5]}}, "name": "caf\u00e9 \u2028\n"}

    async def use(session: PluginSession) -> object:
        return (await session.load(params)).providers

    code = READY + "asked = receive()\nreply(asked, {**LOADED, 'providers': [asked]})"
    asked = {"jsonrpc": "2.0", "id": 1, "method": "load", "params": params}
    assert used(code, use) == (asked,)


def test_every_kind_of_request_carries_its_parameters() -> None:
    async def use(session: PluginSession) -> list[Any]:
        context = {"config": {}, "isRemote": True}
        done = [json.loads(await session.login(1, 2, context, Person(), no_page))]
        done.append(json.loads(await session.format_api_key(3, {"access": "a"})))
        done.append((await session.refresh_oauth(4, {"refresh": "b"}))["asked"])
        return done

    code = (
        READY
        + """
asked = receive(); reply(asked, asked)
asked = receive(); reply(asked, {"value": json.dumps(asked)})
asked = receive(); reply(asked, {"asked": asked})
"""
    )
    rows = used(code, use)
    assert [(row["id"], row["method"]) for row in rows] == [(1, "login"), (2, "formatApiKey"), (3, "refreshOAuth")]
    assert [row["params"] for row in rows] == [
        {"provider": 1, "method": 2, "context": {"config": {}, "isRemote": True}},
        {"provider": 3, "credential": {"access": "a"}},
        {"provider": 4, "credential": {"refresh": "b"}},
    ]


@pytest.mark.parametrize(
    "text",
    ['{"profiles": [ ], "n": 1.50e3}', '{"a":1,"a":2}', '"\\ud800"', "null", "[ 1,2 ]", '"caf\u00e9"', "-0"],
)
def test_the_result_of_a_login_is_returned_byte_for_byte(text: str) -> None:
    code = LOGIN + f'raw((\'{{"jsonrpc":"2.0","id":1,"result": \' + {text!r} + \' }}\\n\').encode())'
    assert used(code, login) == text.encode()


def test_a_result_of_almost_four_megabytes_arrives() -> None:
    size = 4 * 1024 * 1024 - 100
    assert len(logged_in(f"reply(asked, 'x' * {size})")) == size


def test_what_the_child_prints_is_kept_and_is_no_message() -> None:
    code = (
        LOADS
        + """
print('{"jsonrpc":"2.0","id":2,"result":"printed"}', flush=True)
os.write(2, b"warning \\xff\\n")
reply(receive(), "sent")
receive()
"""
    )

    async def main() -> tuple[bytes, str]:
        async with acme(code) as session:
            await session.load({})
            result = await login(session)
        return result, session.output

    result, output = run(main())
    assert result == b'"sent"'
    assert output == '{"jsonrpc":"2.0","id":2,"result":"printed"}\nwarning \ufffd\n'


def test_before_it_is_entered_a_session_has_no_output() -> None:
    assert acme(READY).output == ""


@pytest.mark.parametrize("use", [load, login, refresh, format_key])
def test_a_session_that_was_not_entered_takes_no_request(use: Callable[[PluginSession], Awaitable[object]]) -> None:
    async def main() -> None:
        with pytest.raises(InternalError, match="async with"):
            await use(acme(READY))

    run(main())


def test_a_session_is_entered_once() -> None:
    async def use(session: PluginSession) -> None:
        with pytest.raises(InternalError, match="used once"):
            await session.__aenter__()

    used(LOADS, use)


def test_a_session_takes_one_request_at_a_time() -> None:
    async def use(session: PluginSession) -> LoadResult:
        first = asyncio.ensure_future(session.load({}))
        await asyncio.sleep(0)
        with pytest.raises(InternalError, match="one request at a time"):
            await session.refresh_oauth(0, {})
        return await first

    assert used(LOADS, use) == LoadResult(())


def test_a_child_that_ends_with_its_input_is_not_killed() -> None:
    async def main() -> str:
        async with acme(LOADS + "sys.stdin.read(); os.write(2, b'put away')") as session:
            await session.load({})
        return session.output

    assert run(main()) == "put away"


# --- prompts ---------------------------------------------------------------------------------------------------------

OPTIONS = [{"label": "Acme", "hint": "cloud"}, {"label": "Beta"}, {"label": "Acme"}, {"label": "1"}]
ASKED = {
    "select": f"reply(asked, prompt('select', options={OPTIONS!r}))",
    "multiselect": f"reply(asked, prompt('multiselect', options={OPTIONS!r}))",
    "text": "reply(asked, prompt('text'))",
    "confirm": "reply(asked, prompt('confirm'))",
}


@pytest.mark.parametrize(
    ("kind", "answer", "sent"),
    [
        ("select", "Beta", 1),
        ("select", "Acme", 0),
        ("select", 0, 0),
        ("select", 2, 2),
        ("select", "1", 3),
        ("select", 1, 1),
        ("multiselect", ["Beta", 2], [1, 2]),
        ("multiselect", [3, 0], [0, 3]),
        ("multiselect", [], []),
        ("text", "a line", "a line"),
        ("text", "", ""),
        ("text", "caf\u00e9 \U0001f600 \ud800", "caf\u00e9 \U0001f600 \ud800"),
        ("confirm", True, True),
        ("confirm", False, False),
    ],
)
def test_scripted_answers_reach_the_plugin_by_label_or_place(kind: str, answer: object, sent: object) -> None:
    result, said = scripted(ASKED[kind], [answer])
    assert result["result"] == {"value": sent}
    assert said == []


VALUED = [
    {"label": "Global", "value": "global"},
    {"label": "China", "value": "cn", "hint": "mainland"},
    {"label": "Second", "value": 1},
    {"label": "On", "value": True},
    {"label": "cn", "value": 2.5},
    {"label": "Odd", "value": {"deep": 1}},
]


@pytest.mark.parametrize(
    ("answer", "place"),
    [
        ("cn", 1),
        ("global", 0),
        ("Global", 0),
        ("mainland", None),
        (1, 2),
        (0, 0),
        (3, 3),
        (True, 3),
        (False, None),
        (2.5, 4),
        (5, 5),
        ({"deep": 1}, None),
        (None, None),
        ("1", None),
    ],
)
def test_scripted_answers_reach_the_plugin_by_value_before_label_and_place(answer: object, place: int | None) -> None:
    result, said = scripted(f"reply(asked, prompt('select', options={VALUED!r}))", [answer, "Odd"])
    assert result["result"] == {"value": 5 if place is None else place}
    assert len(said) == (place is None)


def test_several_scripted_answers_by_value_come_as_places() -> None:
    code = f"reply(asked, prompt('multiselect', options={VALUED!r}))"
    result, said = scripted(code, [["cn", True, "Global", 1]])
    assert (result["result"], said) == ({"value": [0, 1, 2, 3]}, [])


def test_the_value_of_an_option_is_matched_as_it_is_and_never_shown() -> None:
    options = [{"label": "\x1b[31mRed", "value": "\x1b[31mred"}, {"label": "Blue", "value": "blue"}]
    result, said = scripted(f"reply(asked, prompt('select', options={options!r}))", ["nope", "\x1b[31mred"])
    assert result["result"] == {"value": 0}
    assert said == ["Answer 1 to 'What?' was rejected: must be one of Red, Blue"]


@pytest.mark.parametrize(
    ("initial", "shown"), [("x" * 4096, "x" * 4096), ("x" * 4097, None), ("\u00e9" * 2049, None), ("", "")]
)
def test_a_text_to_start_with_is_whole_or_not_there(initial: str, shown: str | None) -> None:
    person = Person("b")
    logged_in(f"reply(asked, prompt('text', complaint='Too long', initial={initial!r}))", person)
    assert person.questions == [Question("text", "What?", initial=shown)]


def test_answers_that_fit_no_prompt_are_told_and_the_next_one_is_used() -> None:
    result, said = scripted(ASKED["select"], ["Gamma", 7, True, "Beta"])
    assert result["result"] == {"value": 1}
    assert said == [
        f"Answer {place} to 'What?' was rejected: must be one of Acme, Beta, Acme, 1" for place in (1, 2, 3)
    ]


def test_an_answer_that_the_plugin_rejects_is_told_and_the_next_one_is_used() -> None:
    code = """
got, complaint = prompt("text", "Code"), None
while len(got["result"]["value"]) < 3:
    got = prompt("text", "Code", complaint="Too short: \\x1b[31mat least 3")
reply(asked, got["result"]["value"])
"""
    assert scripted(code, ["a", "ab", "abc"]) == ("abc", ["Code: Too short: at least 3"] * 2)


@pytest.mark.parametrize("initial", [None, "x"])
def test_a_complaint_is_shown_before_the_question_is_asked_again(initial: str | None) -> None:
    person = Person("b")
    logged_in(f"reply(asked, prompt('text', complaint='Required', initial={initial!r}))", person)
    assert person.seen == [("tell", "Required", "What?"), ("ask", "What?")]


@pytest.mark.parametrize(
    ("call", "question"),
    [
        ("prompt('text')", Question("text", "What?")),
        ("prompt('text', initial='a', placeholder='b')", Question("text", "What?", initial="a", placeholder="b")),
        ("prompt('text', initial=3, placeholder=[])", Question("text", "What?")),
        ("prompt('text', 'Two\\nlines\\x1b[1m \\u202eback')", Question("text", "Two lines back")),
        ("prompt('text', initial='a\\x1b]0;t\\x07b\\nc')", Question("text", "What?", initial="ab c")),
        ("prompt('text', placeholder='\\x9b31mred')", Question("text", "What?", placeholder="31mred")),
        ("prompt('text', 'x' * 5000)", Question("text", "x" * 1997 + "...")),
        ("prompt('confirm')", Question("confirm", "What?", initial=False)),
        ("prompt('confirm', initial=True)", Question("confirm", "What?", initial=True)),
        ("prompt('confirm', initial='yes')", Question("confirm", "What?", initial=False)),
    ],
)
def test_a_question_is_asked_as_the_plugin_words_it_but_cleaned(call: str, question: Question) -> None:
    person = Person(True if question.kind == "confirm" else "b")
    logged_in(f"reply(asked, {call})", person)
    assert person.questions == [question]


def test_options_are_shown_cleaned_and_two_with_one_label_stay_two() -> None:
    options = [{"label": "A\x1b[31m\nB", "hint": "h\x07"}, {"label": "A B"}, {"label": "\x1b[0m", "hint": 3}]
    person = Person(lambda question: question.options[1].value)
    result = logged_in(f"reply(asked, prompt('select', options={options!r}))", person)
    shown: tuple[Option, ...] = person.questions[0].options
    assert [(each.label, each.hint) for each in shown] == [("A B", "h"), ("A B", None), ("(3)", None)]
    assert len({each.value for each in shown}) == 3
    assert result["result"] == {"value": 1}


@pytest.mark.parametrize(
    ("kind", "initial", "places"),
    [
        ("select", 1, [1]),
        ("select", 0, [0]),
        ("select", None, []),
        ("select", -1, []),
        ("select", 4, []),
        ("select", True, []),
        ("select", 1.0, []),
        ("select", "Acme", []),
        ("multiselect", [2, 0], [2, 0]),
        ("multiselect", [0, 9, True, None, "a"], [0]),
        ("multiselect", None, []),
        ("multiselect", 1, []),
    ],
)
def test_what_stands_there_at_first_is_the_option_at_that_place(kind: str, initial: object, places: list[int]) -> None:
    person = Person(choose("Beta"))
    logged_in(f"reply(asked, prompt({kind!r}, options={OPTIONS!r}, initial={initial!r}))", person)
    question = person.questions[0]
    given = question.initial if isinstance(question.initial, list) else [question.initial]
    assert [value for value in given if value is not None] == [question.options[place].value for place in places]


REFUSED_PROMPTS = [
    ("kind='password', message='m'", "A prompt is of kind select, multiselect, text or confirm."),
    ("kind=None, message='m'", "A prompt is of kind select, multiselect, text or confirm."),
    ("kind=['text'], message='m'", "A prompt is of kind select, multiselect, text or confirm."),
    ("kind='text'", "message must be text."),
    ("kind='text', message=3", "message must be text."),
    ("kind='select', message='m'", "A choice needs a list of 1 to 1000 options."),
    ("kind='select', message='m', options=[]", "A choice needs a list of 1 to 1000 options."),
    ("kind='select', message='m', options={}", "A choice needs a list of 1 to 1000 options."),
    ("kind='multiselect', message='m', options=[{'label': 'x'}] * 1001", "A choice needs a list of 1 to 1000 options."),
    ("kind='select', message='m', options=['x']", "Each option needs a label that is text."),
    ("kind='select', message='m', options=[{'label': 3}]", "Each option needs a label that is text."),
    ("kind='select', message='m', options=[{'label': 'x'}, {}]", "Each option needs a label that is text."),
]


@pytest.mark.parametrize(("params", "words"), REFUSED_PROMPTS)
def test_a_prompt_that_cannot_be_asked_is_an_error_to_the_plugin(params: str, words: str) -> None:
    person = Person()
    result = logged_in(f"reply(asked, ask('prompt', **dict({params})))", person)
    assert result["error"] == {"code": -32602, "message": words}
    assert person.seen == []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ("ask('shell', command='ls')", -32601),
        ("ask('ready')", -32601),
        ("ask('note')", -32602),
        ("ask('note', message=['a'])", -32602),
        ("ask('intro', message=3)", -32602),
        ("ask('outro')", -32602),
        ("ask('openUrl')", -32602),
    ],
)
def test_a_request_that_cannot_be_served_is_an_error_to_the_plugin(request_: str, code: int) -> None:
    assert logged_in(f"reply(asked, {request_})")["error"]["code"] == code


def test_outside_a_login_nobody_is_asked() -> None:
    code = READY + "asked = receive(); got = prompt('text'); reply(asked, {**LOADED, 'providers': [got]})"
    assert used(code, load).providers[0]["error"] == {"code": -32600, "message": "No login is running."}


TWO = """
send(id="a", method="prompt", params={"kind": "text", "message": "first"})
send(id="b", method="prompt", params={"kind": "text", "message": "second"})
"""


def test_prompts_that_are_open_at_once_are_asked_one_after_the_other_in_their_order() -> None:
    async def main() -> tuple[Any, list[object]]:
        gate = asyncio.get_running_loop().create_future()
        person = Person(gate, "2")
        async with acme(LOGIN + TWO + "reply(asked, [receive(), receive()])") as session:
            running = asyncio.ensure_future(session.login(0, 0, {}, person, no_page))
            await person.asked.wait()
            # The second has arrived with the first; it has its turn now, and must not take it.
            for _ in range(20):
                await asyncio.sleep(0)
            before = [each.message for each in person.questions]
            gate.set_result("1")
            return json.loads(await running), [before, [each.message for each in person.questions]]

    result, asked = run(main())
    assert [(each["id"], each["result"]["value"]) for each in result] == [("a", "1"), ("b", "2")]
    assert asked == [["first"], ["first", "second"]]


def test_what_is_told_while_a_prompt_is_open_is_shown_at_once() -> None:
    async def main() -> list[tuple[object, ...]]:
        gate = asyncio.get_running_loop().create_future()
        person = Person(gate)

        async def opened(url: str) -> None:
            person.seen.append(("open", url))
            gate.set_result("1")

        code = """
send(id="a", method="prompt", params={"kind": "text", "message": "first"})
ask("note", 2, message="look at this"); ask("openUrl", 3, url="https://acme.test/")
reply(asked, None)
"""
        async with acme(LOGIN + code) as session:
            await session.login(0, 0, {}, person, opened)
        return person.seen

    assert run(main()) == [("ask", "first"), ("tell", "look at this", None), ("open", "https://acme.test/")]


def test_prompts_that_are_open_when_the_login_ends_are_dropped() -> None:
    dropped: list[str] = []

    async def wait(question: Question) -> str:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            dropped.append(question.message)
            raise
        return ""

    person = Person(wait, wait)
    # Answered only when the first prompt stands.
    code = TWO + "ask('note', 'n', message='x'); reply(asked, 'done')"
    assert logged_in(code, person) == "done"
    assert dropped == ["first"]
    assert [each.message for each in person.questions] == ["first"]


@pytest.mark.parametrize("kind", ["select", "multiselect", "text", "confirm"])
def test_without_anybody_to_ask_a_prompt_is_the_prompters_own_error(kind: str) -> None:
    said: list[str] = []
    with pytest.raises(NeedsTerminalError) as caught:
        logged_in(ASKED[kind], NobodyPrompter(said.append))
    assert caught.value.message == "There is no terminal to ask: What?"


def test_answers_that_run_out_are_the_prompters_own_error() -> None:
    code = "first = prompt('text', 'One'); reply(asked, prompt('text', 'Two'))"
    with pytest.raises(AnswerError) as caught:
        scripted(code, ["1"])
    assert caught.value.code == "answers.too-few"


ENDINGS = [
    (CancelledError("Stopped."), -32001, "cancelled"),
    (NeedsTerminalError("Nobody."), -32002, "nobody can answer"),
    (AnswerError("None left.", code="answers.too-few"), -32002, "nobody can answer"),
]


@pytest.mark.parametrize(("error", "code", "words"), ENDINGS, ids=["cancelled", "nobody", "no answers"])
def test_the_plugin_learns_that_the_login_was_ended_and_may_put_things_away(
    error: JackfieldError, code: int, words: str
) -> None:
    child = (
        LOGIN
        + """
got = prompt("text")
late = prompt("text", number=2)
os.write(2, json.dumps([got["error"], late["error"]["code"]]).encode())
fail(asked, "WizardCancelledError")
receive()
"""
    )

    async def main() -> tuple[object, str]:
        person = Person(error, "never asked")
        async with acme(child) as session:
            with pytest.raises(type(error)) as caught:
                await session.login(0, 0, {}, person, no_page)
            assert caught.value is error
            with pytest.raises(PluginError) as after:
                await session.load({})
            assert after.value.code == "plugin.ended"
        return len(person.questions), session.output

    asked, output = run(main())
    assert asked == 1
    assert json.loads(output) == [{"code": code, "message": words}, -32001]


def test_a_plugin_is_told_to_cancel_and_is_not_waited_for() -> None:
    limits = Limits(end_s=0.2)
    child = LOGIN + "prompt('text'); os.write(2, receive()['method'].encode()); forever()"

    async def main() -> tuple[float, str]:
        async with acme(child, limits) as session:
            begun = time.monotonic()
            with pytest.raises(CancelledError):
                await session.login(0, 0, {}, Person(CancelledError("Stopped.")), no_page)
            return time.monotonic() - begun, session.output

    took, output = run(main())
    assert output == "cancel"
    assert took < 0.2 + SLACK


def test_after_a_no_the_prompts_that_wait_are_not_asked() -> None:
    async def refuse(question: Question) -> str:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        raise CancelledError("Stopped.")

    person = Person(refuse, "never")
    with pytest.raises(CancelledError):
        logged_in(TWO + "receive(); receive(); fail(asked, 'x')", person)
    assert [each.message for each in person.questions] == ["first"]


@pytest.mark.parametrize("answer", [None, 3, "Beta", ["x"]])
@pytest.mark.parametrize("kind", ["select", "confirm"])
def test_a_prompter_that_answers_something_else_is_at_fault_itself(kind: str, answer: object) -> None:
    with pytest.raises(InternalError, match=f"answered a {kind} question"):
        logged_in(ASKED[kind], Person(answer))


def test_an_error_in_a_prompter_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        logged_in(ASKED["text"], Person(ZeroDivisionError()))


# --- notes, pages, progress, log -------------------------------------------------------------------------------------


def test_notes_are_shown_cleaned_and_keep_their_lines() -> None:
    person = Person()
    code = r"""
got = [ask("intro", message="Welcome\x1b[1m"), ask("note", message="a\nb\x1b[31mc\x07", title="T\nitle\x1b[0m"),
       ask("note", message="plain"), ask("note", message="m", title=3), ask("outro", message="Bye\u202e")]
reply(asked, [each["result"] for each in got])
"""
    assert logged_in(code, person) == [{}] * 5
    assert person.seen == [
        ("intro", "Welcome"),
        ("tell", "a\nbc", "T itle"),
        ("tell", "plain", None),
        ("tell", "m", None),
        ("outro", "Bye"),
    ]


PAGES = [
    ("https://acme.test/login?a=1&b=2#c", True),
    ("http://127.0.0.1:8085/callback", True),
    ("HTTPS://Acme.test", True),
    ("https://caf\u00e9.test/", True),
    ("https://acme.test/" + "x" * 5000, True),
    ("https://acme.test/" + "x" * 9000, False),
    ("file:///etc/passwd", False),
    ("javascript:alert(1)", False),
    ("data:text/html,x", False),
    ("ftp://acme.test/", False),
    ("acme.test", False),
    ("//acme.test/", False),
    ("--help", False),
    ("", False),
    ("https://", False),
    ("https:acme.test", False),
    ("https:///path", False),
    ("https://acme.test:port/", False),
    ("https://[::1", False),
    ("https://acme.test/ -x", False),
    (" https://acme.test/", False),
    ("https://acme.test/\nx", False),
    ("https://acme.test/\x00", False),
    ("https://acme.test/\u202e", False),
    ("x-scheme://acme.test", False),
]


def test_only_web_addresses_are_opened() -> None:
    opened: list[str] = []

    async def open_url(url: str) -> bool:
        opened.append(url)
        return True

    pages = [url for url, _ in PAGES]
    code = f"reply(asked, [ask('openUrl', n, url=url) for n, url in enumerate(json.loads({json.dumps(pages)!r}))])"
    answers = logged_in(code, open_url=open_url)
    assert opened == [url for url, good in PAGES if good]
    refusal = {"code": -32602, "message": "Only http and https addresses are opened in the browser."}
    told = [answer.get("result", answer.get("error")) for answer in answers]
    assert told == [{} if good else refusal for _, good in PAGES]


@pytest.mark.parametrize("error", [RequestError("No."), FileNotFoundError("xdg-open"), TimeoutError()])
def test_a_browser_that_does_not_open_is_an_error_to_the_plugin_only(error: Exception) -> None:
    async def open_url(url: str) -> None:
        raise error

    result = logged_in("reply(asked, ask('openUrl', url='https://acme.test/'))", open_url=open_url)
    assert result["error"] == {"code": -32603, "message": "The browser could not be opened."}


def progress(*steps: tuple[object, str, object]) -> str:
    lines = [f"send(method='progress', params={ {'token': t, 'event': e, 'message': m}!r})" for t, e, m in steps]
    return "\n".join([*lines, "reply(asked, 1)"])


@pytest.mark.parametrize(
    ("steps", "seen"),
    [
        (
            [("p", "start", "Waiting"), ("p", "update", "Still"), ("p", "stop", "Done")],
            [("progress", "Waiting"), ("update", "Still"), ("stop", "Done")],
        ),
        ([("p", "start", "a"), ("p", "stop", None)], [("progress", "a"), ("stop", None)]),
        ([("p", "start", "a")], [("progress", "a"), ("stop", None)]),
        ([("p", "start", "a\x1b[1m\nb")], [("progress", "a b"), ("stop", None)]),
        ([("p", "start", 3)], [("progress", ""), ("stop", None)]),
        (
            [("p", "start", "a"), ("q", "start", "b"), ("p", "update", "x"), ("p", "stop", "y"), ("q", "stop", "z")],
            [("progress", "a"), ("stop", None), ("progress", "b"), ("stop", "z")],
        ),
        ([("p", "stop", "a"), ("p", "update", "b")], []),
        ([(None, "start", "a"), (None, "update", "b")], []),
        ([("p", "start", "a"), ("p", "stop", "b"), ("p", "update", "c")], [("progress", "a"), ("stop", "b")]),
        ([("p", "melt", "a"), ({}, "update", "a"), ("p", [], "a")], []),
        ([({"t": [1]}, "start", "a")], [("progress", "a"), ("stop", None)]),
    ],
)
def test_one_progress_is_shown_at_a_time_and_none_is_left(
    steps: list[tuple[object, str, object]], seen: list[tuple[object, ...]]
) -> None:
    person = Person()
    logged_in(progress(*steps), person)
    assert person.seen == seen


def test_progress_is_away_while_a_question_stands() -> None:
    person = Person("x", "y")
    code = """
send(method="progress", params={"token": 1, "event": "start", "message": "Waiting"})
prompt("text", "One")
send(method="progress", params={"token": 1, "event": "stop", "message": "Done"})
prompt("text", "Two")
reply(asked, 1)
"""
    logged_in(code, person)
    shown = [("progress", "Waiting"), ("stop", None), ("ask", "One"), ("progress", "Waiting"), ("stop", "Done")]
    assert person.seen == [*shown, ("ask", "Two")]


def test_progress_that_changes_while_a_question_stands_is_shown_after_it() -> None:
    async def main() -> list[tuple[object, ...]]:
        gate = asyncio.get_running_loop().create_future()
        person = Person(gate)

        async def opened(url: str) -> None:
            gate.set_result("x")

        code = """
send(id="a", method="prompt", params={"kind": "text", "message": "One"})
send(method="progress", params={"token": 1, "event": "start", "message": "Waiting"})
send(method="progress", params={"token": 1, "event": "update", "message": "Still"})
send(id="b", method="openUrl", params={"url": "https://acme.test/"})
receive(), receive()
reply(asked, 1)
"""
        async with acme(LOGIN + code) as session:
            await session.login(0, 0, {}, person, opened)
        return person.seen

    assert run(main()) == [("ask", "One"), ("progress", "Still"), ("stop", None)]


def test_progress_is_ended_when_the_login_fails() -> None:
    person = Person()
    code = "send(method='progress', params={'token': 1, 'event': 'start', 'message': 'a'})\nfail(asked, 'no')"
    with pytest.raises(PluginError):
        logged_in(code, person)
    assert person.seen == [("progress", "a"), ("stop", None)]


def test_the_log_of_a_login_is_shown_and_other_notifications_are_passed_over() -> None:
    person = Person()
    code = r"""
for level, message in (("info", "Open: https://acme.test/"), ("debug", "inner"), ("error", "bad\x1b[2J"), (3, "odd")):
    send(method="log", params={"level": level, "message": message})
send(method="log", params={"level": "info", "message": 3}); send(method="log")
send(method="telemetry", params={"a": 1})
ready()
reply(asked, 1)
"""
    assert logged_in(code, person) == 1
    assert person.seen == [("tell", "Open: https://acme.test/", None), ("tell", "bad", None), ("tell", "odd", None)]


def test_what_is_logged_outside_a_login_is_kept_among_the_output_in_its_order() -> None:
    code = (
        LOGIN
        + r"""
os.write(2, b"first, without an end")
send(method="log", params={"level": "debug", "message": "second"})
send(method="log", params={"level": "info", "message": 3}); send(method="log"); send(method="telemetry")
send(method="log", params={"level": "error", "message": "third \ud800"})
reply(asked, LOADED); receive(); forever()
"""
    )

    async def use(session: PluginSession) -> str:
        assert await session.load({}) == LoadResult(())
        return session.output

    assert used(code, use) == "first, without an end\nsecond\nthird ?\n"


def test_what_is_logged_is_kept_within_the_same_bounds_as_what_is_printed() -> None:
    code = LOGIN + "for n in range(2000): send(method='log', params={'message': f'{n:05} ' + 'x' * 100})\n"

    async def use(session: PluginSession) -> str:
        await session.load({})
        return session.output

    output = used(code + "reply(asked, LOADED)", use)
    assert len(output) == 64 * 1024
    assert output.splitlines()[-1].startswith("01999 ")


# --- what it printed before it failed --------------------------------------------------------------------------------


def printed(text: str) -> list[Diagnostic]:
    return [Diagnostic("plugin.printed", f"It printed:{text}", "info", owner="plugin:acme")]


PRINTS = "os.write(2, b'opening\\n  at step 1\\n\\n'); "


@pytest.mark.parametrize(
    ("code", "use", "expected"),
    [
        ("fail(asked, 'no', kind='run')", login, "plugin.run-failed"),
        ("fail(asked, 'no', kind='type')", login, "plugin.bad-result"),
        ("os._exit(3)", login, "plugin.exited"),
        ("raw(b'[]\\n'); forever()", login, "plugin.protocol"),
        ("fail(asked, 'no', kind='load')", load, "plugin.load-failed"),
        ("fail(asked, 'no', kind='register')", load, "plugin.register-failed"),
        ("reply(asked, {'value': 3})", format_key, "plugin.bad-result"),
        ("fail(asked, 'no')", refresh, "plugin.run-failed"),
    ],
)
def test_an_error_brings_the_last_lines_that_were_printed(
    code: str, use: Callable[[PluginSession], Awaitable[object]], expected: str
) -> None:
    error = failure(LOGIN + PRINTS + code, use)
    assert error.code == expected
    assert error.diagnostics == tuple(printed("\n    | opening\n    |   at step 1"))
    again = "Try it again. If it fails the same way, tell the plugin's author."
    assert error.fix == (SEE_OUTPUT if use is load else again)


def test_a_child_that_fails_before_it_is_ready_brings_what_it_printed_and_sends_to_the_doctor() -> None:
    error = failure("os.write(2, b'no such module\\n'); os._exit(1)", load)
    assert (error.code, error.fix) == ("plugin.exited", SEE_OUTPUT)
    assert error.diagnostics == tuple(printed("\n    | no such module"))


def test_an_error_of_a_plugin_that_printed_nothing_has_no_diagnostic() -> None:
    assert failure(LOGIN + "os.write(2, b' \\n\\x1b[0m\\n'); fail(asked, 'no')", login).diagnostics == ()


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ("".join(f"{n}\n" for n in range(100)), tuple(str(n) for n in range(80, 100))),
        ("a\r\nb\rc", ("a", "b", "c")),
        ("\x1b[31mred\x1b[0m \x07\u202eback\n\tindented", ("red back", " indented")),
        (" " * 90 + "deep", (" " * 24 + "deep",)),
        ("x" * 400, ("x" * 297 + "...",)),
        ("key sk-123456 and sk-\x1b[1m123456", ("key [hidden] and [hidden]",)),
        ("y" * 60 + "sk-123456" + "z" * 65_530 + "\nlast sk-123456", ("last [hidden]",)),
        ("sk-123456" * 10_000, ()),
    ],
    ids=["many", "carriage returns", "control", "deep", "long", "secret", "a line without its beginning", "one line"],
)
def test_the_lines_that_are_shown_are_few_clean_and_without_what_was_typed(output: str, shown: tuple[str, ...]) -> None:
    code = LOGIN + f"prompt('text')\nos.write(2, b'')\nrest = {output!r}.encode()\n"
    code += "while rest: rest = rest[os.write(2, rest):]\nreply(asked, 1); receive(); forever()"

    async def use(session: PluginSession) -> tuple[str, ...]:
        await session.login(0, 0, {}, Person("sk-123456"), no_page)
        return session.last_lines()

    assert used(code, use) == shown


def test_before_it_is_entered_a_session_has_no_lines() -> None:
    assert acme(READY).last_lines() == ()


# --- what the host reports -------------------------------------------------------------------------------------------

REPORTED = [
    (load, "load", "plugin.load-failed", "Plugin 'acme': failed to load plugin: it broke."),
    (load, "export", "plugin.no-register", "Plugin 'acme': it broke."),
    (load, "register", "plugin.register-failed", "Plugin 'acme': plugin failed during register: it broke."),
    (load, "other", "plugin.load-failed", "Plugin 'acme': failed to load plugin: it broke."),
    (load, None, "plugin.load-failed", "Plugin 'acme': failed to load plugin: it broke."),
    (login, "run", "plugin.run-failed", "Plugin 'acme': it broke."),
    (login, None, "plugin.run-failed", "Plugin 'acme': it broke."),
    (login, "type", "plugin.bad-result", "Plugin 'acme': it broke."),
    (refresh, "run", "plugin.run-failed", "Plugin 'acme': it broke."),
    (format_key, "type", "plugin.bad-result", "Plugin 'acme': it broke."),
]


@pytest.mark.parametrize(("use", "kind", "code", "message"), REPORTED)
def test_a_failure_of_the_plugin_is_told_in_its_own_words_and_the_session_goes_on(
    use: Callable[[PluginSession], Awaitable[object]], kind: str | None, code: str, message: str
) -> None:
    async def twice(session: PluginSession) -> LoadResult:
        with pytest.raises(PluginError) as caught:
            await use(session)
        assert (caught.value.code, caught.value.message) == (code, message)
        return await session.load({})

    child = LOGIN + f"fail(asked, 'it broke.', kind={kind!r}); reply(receive(), LOADED)"
    assert used(child, twice) == LoadResult(())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "it gave no reason"),
        ("a\nb\x1b[31mc\x07", "a bc"),
        ("x" * 600, "x" * 497),
        ("\u202egnp.exe", "gnp.exe"),
    ],
)
def test_the_words_of_a_failure_are_cleaned_and_cut(text: str, shown: str) -> None:
    assert failure(LOGIN + f"fail(asked, {text!r})", login).message == f"Plugin 'acme': {shown}."


def test_where_a_plugin_failed_is_noted_for_its_author() -> None:
    stack = "Error: x\n    at run (/home/x/index.ts:3:5)\x1b[2J"
    error = failure(LOGIN + f"fail(asked, 'x', kind='run', stack={stack!r})", login)
    assert error.__notes__ == ["Error: x\n    at run (/home/x/index.ts:3:5)"]


SECRET_CASES = [
    ("bad key sk-123456!", "sk-123456", "bad key [hidden]!"),
    ("bad key sk-\x1b[31m123456", "sk-123456", "bad key [hidden]"),
    ("bad code 4/abcdef", "http://localhost:8085/?state=xy&code=4%2Fabcdef", "bad code [hidden]"),
    ("bad code tok-98765", "http://localhost/#access_token=tok-98765", "bad code [hidden]"),
    ("yes is no answer", "yes", "yes is no answer"),
    ("no secret here", "sk-123456", "no secret here"),
]


@pytest.mark.parametrize(("text", "typed", "shown"), SECRET_CASES)
def test_what_the_user_typed_is_not_repeated_in_an_error(text: str, typed: str, shown: str) -> None:
    child = LOGIN + f"prompt('text'); fail(asked, {text!r}, stack={text!r})"

    async def use(session: PluginSession) -> object:
        return await session.login(0, 0, {}, Person(typed), no_page)

    error = failure(child, use)
    assert error.message == f"Plugin 'acme': {shown}."
    assert error.__notes__ == [shown]


@pytest.mark.parametrize("use", [refresh, format_key])
def test_what_a_credential_holds_is_not_repeated_in_an_error(
    use: Callable[[PluginSession], Awaitable[object]],
) -> None:
    child = (
        LOGIN
        + """
held = asked["params"]["credential"]
fail(asked, "refused " + held.get("refresh", held.get("access", "")) + " of type " + held["type"])
"""
    )
    assert failure(child, use).message == "Plugin 'acme': refused [hidden] of type oauth."


def test_secrets_hide_the_longest_first() -> None:
    secrets = Secrets()
    secrets.add("abcdef")
    secrets.add(" abcdef-ghi ")
    assert secrets.hide("abcdef-ghi abcdef") == "[hidden] [hidden]"


@pytest.mark.parametrize(
    ("text", "limit", "line"),
    [
        ("", 10, ""),
        (" a \n b ", 10, "a b"),
        ("x" * 10, 10, "x" * 10),
        ("x" * 11, 10, "x" * 7 + "..."),
        ("\t\x00", 5, ""),
    ],
)
def test_text_becomes_one_line_of_bounded_length(text: str, limit: int, line: str) -> None:
    assert one_line(text, limit) == line


@pytest.mark.parametrize(
    "result", ["None", "[]", "'text'", "{}", "{'value': 3}", "{'value': None}", "{'value': ['x']}"]
)
def test_a_formatter_that_returns_no_text_is_at_fault(result: str) -> None:
    error = failure(LOGIN + f"reply(asked, {result})", format_key)
    assert error.code == "plugin.bad-result"


@pytest.mark.parametrize("result", ["None", "[]", "'text'", "3", "True"])
def test_a_refresher_that_returns_no_object_is_at_fault(result: str) -> None:
    error = failure(LOGIN + f"reply(asked, {result})", refresh)
    assert (error.code, error.message) == (
        "plugin.bad-result",
        "Plugin 'acme': refreshOAuth did not return an object.",
    )


@pytest.mark.parametrize(
    "result",
    [
        "None",
        "[]",
        "3",
        "{}",
        "{**LOADED, 'providers': None}",
        "{**LOADED, 'providers': {}}",
        "{**LOADED, 'providers': ['acme']}",
        "{**LOADED, 'providers': [{}] * 1001}",
        "{**LOADED, 'other': ['registerTool']}",
        "{**LOADED, 'diagnostics': 'none'}",
        "{**LOADED, 'diagnostics': [None]}",
    ],
)
def test_what_load_returns_must_be_of_the_right_shape(result: str) -> None:
    assert failure(LOGIN + f"reply(asked, {result})", load).code == "plugin.protocol"


# --- children that do their worst ------------------------------------------------------------------------------------

FLOOD = "while True: send(method='log', params={'level': 'info', 'message': 'x'})"
GRANDCHILD = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.write(2, b'%d\\n' % os.getpid())
        forever()
    os._exit(0)
os.wait()
"""
SHORT = 0.25
ANSWER = '{"jsonrpc":"2.0","id":1,"result":%s}\\n'

HANGS: list[tuple[str, str]] = [
    ("says nothing", "forever()"),
    ("is busy without end", "while True: pass"),
    ("stops itself", "os.kill(os.getpid(), signal.SIGSTOP)"),
    ("ignores every request to end", "signal.signal(signal.SIGTERM, signal.SIG_IGN); forever()"),
    ("sends half a line", "raw(b'{\"jsonrpc\":'); forever()"),
    ("sends a line bit by bit", "while True: raw(b' '); time.sleep(0.01)"),
    ("logs slowly without end", "while True: send(method='log'); time.sleep(0.01)"),
    ("closes its input", "os.close(0); forever()"),
    ("leaves a detached process", GRANDCHILD + "forever()"),
]
BREAKS: list[tuple[str, str, str]] = [
    ("ends", "os._exit(0)", "plugin.exited"),
    ("ends with a status", "sys.exit(3)", "plugin.exited"),
    ("raises", "raise ZeroDivisionError", "plugin.exited"),
    ("crashes", "os.abort()", "plugin.exited"),
    ("is killed", "os.kill(os.getpid(), signal.SIGKILL)", "plugin.exited"),
    ("ends in half a line", "raw(b'{\"jsonrpc\":'); os._exit(0)", "plugin.exited"),
    ("ends and leaves a process that holds the pipe", GRANDCHILD + "os._exit(0)", "plugin.exited"),
    ("closes the pipe", "os.close(FD); forever()", "plugin.exited"),
    (
        "runs out of memory as Node.js does",
        "os.write(2, b'FATAL ERROR: Reached heap limit JavaScript heap out of memory\\n'); os.abort()",
        "plugin.memory",
    ),
    ("runs out of memory as Python does", "raise MemoryError", "plugin.memory"),
    (
        "runs out of memory as C++ does",
        "os.write(2, b'terminate called: std::bad_alloc\\n'); os.abort()",
        "plugin.memory",
    ),
    ("runs out of memory under a shell", "os.write(2, b'process out of memory\\n'); os._exit(137)", "plugin.memory"),
    ("uses up its processor time", "os.kill(os.getpid(), signal.SIGXCPU)", "plugin.timeout"),
    ("sends no JSON", "raw(b'hello\\n'); forever()", "plugin.protocol"),
    ("sends an empty line", "raw(b'\\n'); forever()", "plugin.protocol"),
    ("sends wrong UTF-8", 'raw(b\'{"jsonrpc":"2.0","method":"\\xff"}\\n\'); forever()', "plugin.protocol"),
    ("sends null characters", "raw(b'\\x00' * 100 + b'\\n'); forever()", "plugin.protocol"),
    ("sends deep JSON", "raw(b'{\"a\":' + b'[' * 500_000 + b'\\n'); forever()", "plugin.protocol"),
    ("sends NaN", 'raw(b\'{"jsonrpc":"2.0","id":1,"result":NaN}\\n\'); forever()', "plugin.protocol"),
    ("sends a number of many digits", "raw(b'{\"a\":' + b'9' * 9999 + b'}\\n'); forever()", "plugin.protocol"),
    ("sends a list", "raw(b'[]\\n'); forever()", "plugin.protocol"),
    ("sends another JSON-RPC", 'raw(b\'{"id":1,"result":1}\\n\'); forever()', "plugin.protocol"),
    ("answers what was not asked", "send(id=99, result=1); forever()", "plugin.protocol"),
    ("answers with an id of another type", "send(id='1', result=1); forever()", "plugin.protocol"),
    ("answers with true as the id", "send(id=True, result=1); forever()", "plugin.protocol"),
    ("answers with result and error", "send(id=1, result=1, error={'message': 'x'}); forever()", "plugin.protocol"),
    ("answers with neither", "send(id=1); forever()", "plugin.protocol"),
    ("answers with an error that is none", "send(id=1, error='x'); forever()", "plugin.protocol"),
    ("asks under an id that is none", "send(id=[1], method='note'); forever()", "plugin.protocol"),
    ("asks with params that are a list", "send(id=1, method='note', params=[]); forever()", "plugin.protocol"),
    ("sends a line without end", "while True: raw(b'x' * 65536)", "plugin.flood"),
    ("sends a line that is too long", "raw(b'\"' + b'x' * 200_000 + b'\"\\n'); forever()", "plugin.flood"),
    ("prints without end", "while True: os.write(1, b'x' * 65536)", "plugin.flood"),
]
STAGES: dict[str, tuple[str, Callable[[PluginSession], Awaitable[object]]]] = {
    "load": (READY + "receive()\n", load),
    "login": (LOGIN, login),
    "refresh": (LOGIN, refresh),
}


def worst(
    code: str, use: Callable[[PluginSession], Awaitable[object]] | None, limits: Limits
) -> tuple[PluginError, float]:
    """Return what comes of a child and the seconds it took; afterwards nothing of it may be left."""

    async def main() -> tuple[float, str, int]:
        begun = time.monotonic()
        session = acme(code, limits)
        try:
            async with session:
                assert use is not None, "it became ready"
                begun = time.monotonic()
                await use(session)
        except PluginError as error:
            took = time.monotonic() - begun
            caught.append(error)
        with pytest.raises(PluginError, match="has ended") as after:
            await load(session)
        assert after.value.code == "plugin.ended"
        assert session._child is not None
        return took, session.output, session._child.pid

    caught: list[PluginError] = []
    took, output, pid = run(main())
    (error,) = caught
    assert "'acme'" in error.message
    assert error.fix
    left = [int(word) for word in output.split() if word.isdigit()] if "setsid" in code else []
    for each in (pid, *left):
        assert is_gone(each)
    return error, took


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended; one that nobody has reaped yet has."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123 - a single line
            return file.read().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("stage", "does", "code"), [("login", *row) for row in HANGS] + [("load", *HANGS[0]), ("refresh", *HANGS[1])]
)
def test_a_child_that_hangs_is_ended_at_the_deadline(stage: str, does: str, code: str) -> None:
    before, use = STAGES[stage]
    error, took = worst(before + code, use, Limits(load_s=SHORT, login_s=SHORT, call_s=SHORT))
    assert error.code == "plugin.timeout"
    assert "within 0.25 s" in error.message
    assert SHORT <= took < SHORT + SLACK


@pytest.mark.parametrize(("does", "code"), HANGS, ids=[does for does, _ in HANGS])
def test_a_child_that_hangs_before_it_is_ready_is_ended_at_the_deadline(does: str, code: str) -> None:
    # What a child can do in a short time depends on the machine: it may not have got so far, or said something wrong.
    error, took = worst(code, None, Limits(start_s=SHORT))
    assert error.code in {"plugin.timeout", "plugin.protocol"}
    assert took < SHORT + SLACK


LOW = Limits(line_bytes=150_000, output_bytes=1_000_000, end_s=0.2)


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("does", "code", "expected"), BREAKS, ids=[does for does, *_ in BREAKS])
def test_a_child_that_breaks_off_or_breaks_the_protocol_is_told_as_such(
    stage: str, does: str, code: str, expected: str
) -> None:
    before, use = STAGES[stage]
    assert worst(before + code, use, LOW)[0].code == ("plugin.flood" if "500_000" in code else expected)


@pytest.mark.parametrize(("does", "code", "expected"), BREAKS, ids=[does for does, *_ in BREAKS])
def test_a_child_that_breaks_off_before_it_is_ready_is_told_as_such(does: str, code: str, expected: str) -> None:
    assert worst(code, None, LOW)[0].code == ("plugin.flood" if "500_000" in code else expected)


def test_deep_json_within_the_length_of_a_line_is_a_broken_protocol() -> None:
    code = LOGIN + 'raw(b\'{"jsonrpc":"2.0","id":1,"result":\' + b\'[\' * 500_000 + b\'\\n\'); forever()'
    error, _ = worst(code, login, Limits())
    assert error.message == "Plugin 'acme': its process broke the protocol: a message of it is nested too deeply."


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("sys.exit(3)", "Plugin 'acme': its process ended with status 3."),
        ("os.abort()", "Plugin 'acme': its process was ended by SIGABRT."),
        ("os.close(FD); forever()", "Plugin 'acme': its process closed its connection."),
        ("raise MemoryError", "Plugin 'acme': its process ran out of memory."),
        (
            "os.kill(os.getpid(), signal.SIGXCPU)",
            "Plugin 'acme': its process used more than 300 s of processor time.",
        ),
        ("raw(b'x\\n')", "Plugin 'acme': its process broke the protocol: a message of it is not a JSON object."),
        ("while True: raw(b'x' * 65536)", "Plugin 'acme': its process sent a message of more than 150000 bytes."),
        ("while True: os.write(1, b'x' * 65536)", "Plugin 'acme': its process printed more than 1000000 bytes."),
    ],
)
def test_an_error_says_what_the_process_did(code: str, message: str) -> None:
    assert worst(LOGIN + code, login, LOW)[0].message == message


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits another process's memory")
def test_a_plugin_that_eats_memory_is_ended_and_told_as_such() -> None:
    code = LOGIN + "hoard = []\nwhile True: hoard.append(bytearray(10_000_000))"
    assert worst(code, login, Limits(memory_bytes=200_000_000))[0].code == "plugin.memory"


def test_words_about_memory_of_a_child_that_ended_well_are_no_failure_of_memory() -> None:
    code = LOGIN + "os.write(2, b'JavaScript heap out of memory\\n'); os._exit(0)"
    assert worst(code, login, LOW)[0].code == "plugin.exited"


def test_what_was_typed_is_not_repeated_out_of_the_output() -> None:
    async def use(session: PluginSession) -> object:
        return await session.login(0, 0, {}, Person("sk-123456"), no_page)

    code = LOGIN + "prompt('text'); os.write(2, b'token sk-123456\\n'); sys.exit(1)"
    error, _ = worst(code, use, LOW)
    assert "sk-123456" not in str(error.to_dict())
    assert error.diagnostics == tuple(printed("\n    | token [hidden]"))


@pytest.mark.parametrize(
    "first",
    [
        "send(method='hello')",
        "send(id=1, result={})",
        "send(id=1, method='ready', params={'protocol': 1})",
        "ready(protocol=2)",
        "ready(protocol='1')",
        "ready(protocol=True)",
        "ready(protocol=None)",
        "send(method='ready')",
        "send(method='ready', params=[1])",
    ],
)
def test_a_child_that_does_not_say_that_it_speaks_this_protocol_is_not_talked_to(first: str) -> None:
    assert worst(first + "\nforever()", None, LOW)[0].code == "plugin.protocol"


@pytest.mark.parametrize(
    ("runtime", "shown"), [("3", ""), ("'node\\x1b[2J v24\\n'", "node v24"), ("'x' * 99", "x" * 77 + "...")]
)
def test_the_name_of_the_runtime_is_cleaned(runtime: str, shown: str) -> None:
    async def use(session: PluginSession) -> str:
        return session.runtime

    assert used(f"ready(runtime={runtime}); receive()", use) == shown


@pytest.mark.parametrize(
    "command",
    [["/nowhere/node"], ["/etc/hostname"], [sys.executable, "a\0b"]],
    ids=["no program", "not a program", "null character"],
)
def test_a_host_that_cannot_be_started_is_told_as_such(command: list[str]) -> None:
    async def main() -> None:
        async with PluginSession("acme", command, env=ENV, cwd="/"):
            pytest.fail("started")

    with pytest.raises(PluginError) as caught:
        run(main())
    assert caught.value.code == "plugin.start-failed"
    assert caught.value.message.startswith("Plugin 'acme': its process cannot be started: ")


def test_a_second_answer_is_a_broken_protocol_at_the_next_request() -> None:
    async def use(session: PluginSession) -> object:
        assert await session.load({}) == LoadResult(())
        return await session.login(0, 0, {}, Person(), no_page)

    assert failure(LOADS + "send(id=1, result=LOADED); receive(); forever()", use).code == "plugin.protocol"


def test_an_answer_after_the_end_of_a_login_is_a_broken_protocol_at_the_next_request() -> None:
    async def use(session: PluginSession) -> object:
        assert await login(session) == b"1"
        return await refresh(session)

    assert failure(LOGIN + "reply(asked, 1); reply(asked, 2); receive(); forever()", use).code == "plugin.protocol"


def test_a_request_before_the_question_is_answered_as_when_no_login_runs() -> None:
    code = READY + "send(id=5, method='note', params={'message': 'early'}); asked = receive(); reply(asked, receive())"
    person = Person()

    async def use(session: PluginSession) -> Any:
        return json.loads(await session.login(0, 0, {}, person, no_page))

    assert used(code, use)["result"] == {}
    assert person.seen == [("tell", "early", None)]


OPEN = "send(id=%s, method='prompt', params={'kind': 'text', 'message': 'x'})\n"


async def never(question: Question) -> str:
    await asyncio.get_running_loop().create_future()
    return ""


@pytest.mark.parametrize(
    ("code", "limits", "expected", "words"),
    [
        ("for n in range(9): " + OPEN % "n" + "\nforever()", Limits(outstanding=8), "plugin.flood", "8 requests open"),
        ("while True: " + OPEN % "time.time_ns() % 2**50", Limits(), "plugin.flood", "32 requests open"),
        (OPEN % 1 + OPEN % 1 + "forever()", Limits(), "plugin.protocol", "asks twice under one id"),
        ("for n in range(100): send(method='log')\nforever()", Limits(messages=100), "plugin.flood", "100 messages"),
        (FLOOD, Limits(messages=3000), "plugin.flood", "3000 messages"),
        ("while True: ready()", Limits(messages=500), "plugin.flood", "500 messages"),
        (
            "n = 0\nwhile True:\n  n += 1; send(id=n, method='note', params={'message': 'x'})",
            Limits(messages=2000),
            "plugin.flood",
            "2000 messages",
        ),
    ],
)
def test_a_plugin_has_so_many_requests_and_messages_and_no_more(
    code: str, limits: Limits, expected: str, words: str
) -> None:
    async def use(session: PluginSession) -> object:
        return await session.login(0, 0, {}, Person(never), no_page)

    error, _ = worst(LOGIN + code, use, limits)
    assert error.code == expected
    assert words in error.message


def test_messages_up_to_the_limit_are_taken() -> None:
    code = "for n in range(98): send(method='log')\nreply(asked, 1)"
    assert logged_in(code, limits=Limits(messages=100)) == 1


def test_requests_up_to_the_limit_are_served() -> None:
    code = "for n in range(8): " + OPEN % "n" + "\nreply(asked, sorted(receive()['id'] for n in range(8)))"
    assert logged_in(code, Person(*"abcdefgh"), limits=Limits(outstanding=8)) == [*range(8)]


def test_a_burst_of_notes_is_served_whole() -> None:
    code = """
for n in range(500): send(id=n, method="note", params={"message": str(n)})
reply(asked, [receive()["id"] for n in range(500)])
"""
    person = Person()
    assert logged_in(code, person) == [*range(500)]
    assert person.seen == [("tell", str(n), None) for n in range(500)]


def test_a_child_that_asks_and_does_not_read_the_answers_is_ended() -> None:
    code = LOGIN + "n = 0\nwhile True:\n  n += 1; send(id=n, method='prompt', params={'kind': 'text', 'message': 'x'})"

    class Talker(Person):
        async def ask(self, question: Question) -> object:
            return "x" * 1_000_000

    async def use(session: PluginSession) -> object:
        return await session.login(0, 0, {}, Talker(), no_page)

    error, _ = worst(code, use, Limits())
    assert error.code == "plugin.flood"
    assert error.message == "Plugin 'acme': its process did not read what it was sent."


def test_the_users_time_counts_against_the_deadline_of_the_login() -> None:
    async def use(session: PluginSession) -> object:
        return await session.login(0, 0, {}, Person(never), no_page)

    error, took = worst(LOGIN + "prompt('text')", use, Limits(login_s=SHORT))
    assert (error.code, error.message) == (
        "plugin.timeout",
        "Plugin 'acme': its process did not finish login within 0.25 s.",
    )
    assert took < SHORT + SLACK


def test_a_prompter_that_runs_out_of_time_itself_is_not_taken_for_the_deadline() -> None:
    with pytest.raises(TimeoutError):
        logged_in(ASKED["text"], Person(TimeoutError()))


def test_a_login_that_is_cancelled_from_outside_ends_the_child_and_drops_its_prompts() -> None:
    dropped: list[bool] = []

    async def wait(question: Question) -> str:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            dropped.append(True)
            raise
        return ""

    async def main() -> int:
        person = Person(wait)
        async with acme(LOGIN + "prompt('text')") as session:
            running = asyncio.ensure_future(session.login(0, 0, {}, person, no_page))
            await person.asked.wait()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert session._child is not None
            assert session._child.exit is not None
            with pytest.raises(PluginError) as after:
                await session.load({})
            assert after.value.code == "plugin.ended"
            return session._child.pid

    assert is_gone(run(main()))
    assert dropped == [True]


def test_a_session_that_is_left_by_an_error_of_its_user_ends_the_child() -> None:
    pids: list[int] = []

    async def main() -> None:
        async with acme(LOADS + GRANDCHILD + "forever()", Limits(end_s=0.1)) as session:
            await session.load({})
            assert session._child is not None
            pids.append(session._child.pid)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(main())
    assert is_gone(pids[0])


def test_a_child_that_answers_well_but_does_not_end_is_ended() -> None:
    limits = Limits(end_s=0.2)

    async def main() -> tuple[float, int]:
        async with acme(LOADS + "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nforever()", limits) as session:
            await session.load({})
            assert session._child is not None
            pid = session._child.pid
            begun = time.monotonic()
        return time.monotonic() - begun, pid

    took, pid = run(main())
    assert is_gone(pid)
    assert took < limits.end_s + SLACK


def test_many_sessions_run_side_by_side_and_one_that_fails_hurts_no_other() -> None:
    async def one(place: int) -> object:
        code = LOADS if place % 2 else READY + "os._exit(1)"
        try:
            async with acme(code) as session:
                return await session.load({})
        except PluginError as error:
            return error.code

    async def main() -> list[object]:
        return list(await asyncio.gather(*(one(place) for place in range(8))))

    assert run(main()) == ["plugin.exited", LoadResult(())] * 4
