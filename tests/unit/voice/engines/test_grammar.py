"""Grammars: which sentences they hold, and which of them are refused."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.voice.engines.faults import SpeechError
from jackfield.voice.engines.grammar import Graph, is_jsgf, read_grammar

ARCS = 2_000
HEAD = "#JSGF V1.0;\ngrammar g;\n"


def sentences(graph: Graph, most_words: int = 4) -> set[str]:
    """Return every sentence of up to `most_words` words that leads from state 0 to state 1."""
    found: set[str] = set()
    paths: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    while paths:
        state, words = paths.pop()
        for arc in graph.arcs:
            if arc.start == state and len(words) < most_words:
                said = (*words, arc.word)
                if arc.end == 1:
                    found.add(" ".join(said))
                paths.append((arc.end, said))
    return found


def refused(text: str, most: int = ARCS) -> SpeechError:
    with pytest.raises(SpeechError) as caught:
        read_grammar(text, most)
    assert caught.value.status == 400
    assert caught.value.param == "grammar"
    return caught.value


PHRASES = [
    ("yes\nno", {"yes", "no"}),
    ("yes, no; maybe so", {"yes", "no", "maybe so"}),
    ("  Turn ON the light.  \n\n", {"turn on the light"}),
    ("don't stop!\ndon't stop", {"don't stop"}),
]


@pytest.mark.parametrize(("text", "expected"), PHRASES)
def test_a_list_of_phrases_holds_each_of_them(text: str, expected: set[str]) -> None:
    assert sentences(read_grammar(text, ARCS)) == expected


RULES = [
    ("public <a> = hello;", {"hello"}),
    ("public <a> = hello world;", {"hello world"}),
    ("public <a> = yes | no;", {"yes", "no"}),
    ("public <a> = turn (on | off) [now];", {"turn on", "turn off", "turn on now", "turn off now"}),
    ("public <a> = go+;", {"go", "go go", "go go go", "go go go go"}),
    ("public <a> = stop go*;", {"stop", "stop go", "stop go go", "stop go go go"}),
    ("public <a> = [b] [c] d;", {"d", "b d", "c d", "b c d"}),
    ("public <a> = [b] [c];", {"b", "c", "b c"}),
    ("public <a> = (b | c)* d;", None),
    ("<n> = one | two; public <a> = set <n>;", {"set one", "set two"}),
    ("public <a> = set <n>; <n> = one | two;", {"set one", "set two"}),
    ("public <a> = yes; public <b> = no;", {"yes", "no"}),
    ("public <a> = <NULL> yes | <VOID> no;", {"yes"}),
    ("public <a> = /10/ yes | /0.5/ no | /0/ never;", {"yes", "no"}),
    ("public <a> = yes {affirm} | no {\\} deny};", {"yes", "no"}),
    ('public <a> = "New York" | home;', {"new york", "home"}),
    ("// a line\npublic <a> = yes /* no */ ;", {"yes"}),
    ("public <a> = (((yes)));", {"yes"}),
    ("public <a> = ([b]+)+ c;", None),
]


@pytest.mark.parametrize(("rules", "expected"), RULES)
def test_jsgf_holds_the_sentences_of_its_public_rules(rules: str, expected: set[str] | None) -> None:
    found = sentences(read_grammar(HEAD + rules, ARCS))
    assert found
    assert expected is None or found == expected


def test_a_repeated_choice_holds_every_order() -> None:
    found = sentences(read_grammar(HEAD + "public <a> = (b | c)* d;", ARCS), most_words=3)
    assert found == {"d", "b d", "c d", "b b d", "b c d", "c b d", "c c d"}


@pytest.mark.parametrize("rules", [rules for rules, _ in RULES])
def test_the_shares_of_what_may_follow_add_up_to_one(rules: str) -> None:
    totals: dict[int, float] = {}
    for arc in read_grammar(HEAD + rules, ARCS).arcs:
        assert 0 < arc.share <= 1
        totals[arc.start] = totals.get(arc.start, 0.0) + arc.share
    assert totals == pytest.approx(dict.fromkeys(totals, 1.0))


def test_weights_decide_the_shares() -> None:
    arcs = read_grammar(HEAD + "public <a> = /3/ yes | /1/ no;", ARCS).arcs
    assert {arc.word: arc.share for arc in arcs} == pytest.approx({"yes": 0.75, "no": 0.25})


def test_words_are_listed_once_in_the_order_of_the_grammar() -> None:
    assert read_grammar("open the door\nclose the door", ARCS).words == ("open", "close", "the", "door")


@pytest.mark.parametrize(
    "head", ["#JSGF V1.0;", "#JSGF V1.0 UTF-8;", "#JSGF V1.0 UTF-8 en;", "\ufeff#JSGF V1.0;", "\n #JSGF V1.0 ;"]
)
def test_every_spelling_of_the_header_is_taken(head: str) -> None:
    assert is_jsgf(head)
    assert sentences(read_grammar(f"{head} grammar x.y; public <a> = yes;", ARCS)) == {"yes"}


@pytest.mark.parametrize(
    "text",
    [
        "#JSGF",
        "#JSGF V2.0; public <a> = yes;",
        HEAD,
        HEAD + "<a> = yes;",
        HEAD + "public <a> = yes",
        HEAD + "public <a> = ;",
        HEAD + "public <a> = yes | ;",
        HEAD + "public <a> yes;",
        HEAD + "public a = yes;",
        HEAD + "public <a> = (yes;",
        HEAD + "public <a> = yes);",
        HEAD + "public <a> = <b>;",
        HEAD + "public <a> = yes; public <a> = no;",
        HEAD + "public <NULL> = yes;",
        HEAD + "public <a> = {tag} yes;",
        HEAD + 'public <a> = "yes;',
        HEAD + "public <a> = yes {open;",
        HEAD + "public <a> = < >;",
        HEAD + "grammar again; public <a> = yes; grammar again;",
    ],
)
def test_a_broken_grammar_is_refused(text: str) -> None:
    assert refused(text).code == "speech.grammar-syntax"


def test_the_line_that_cannot_be_read_is_named() -> None:
    assert refused(HEAD + '"yes').message == "The grammar cannot be read from its line 3 on."


@pytest.mark.parametrize(
    "text", ["", " \n , ; ", "...", HEAD + "public <a> = <VOID>;", HEAD + "public <a> = [<NULL>];"]
)
def test_a_grammar_without_a_word_is_refused(text: str) -> None:
    assert refused(text).code == "speech.grammar-empty"


@pytest.mark.parametrize("name", ["<com.acme.digits>", "</etc/passwd>", "<file:///etc/passwd.x>"])
def test_imports_are_refused(name: str) -> None:
    assert refused(f"{HEAD}import {name}; public <a> = yes;").code == "speech.grammar-import"


@pytest.mark.parametrize(
    "rules", ["public <a> = x <a>;", "public <a> = <b>; <b> = <a> | x;", "public <a> = [<a>] x;", "public <a> = <a>;"]
)
def test_a_rule_that_refers_back_to_itself_is_refused(rules: str) -> None:
    assert refused(HEAD + rules).code == "speech.grammar-recursion"


def doubling(count: int) -> str:
    rules = "".join(f"<r{n}> = <r{n + 1}> <r{n + 1}>;" for n in range(count))
    return f"{HEAD}public <a> = <r0>; {rules} <r{count}> = x;"


HOSTILE = {
    "rules that double each other": doubling(40),
    "options after options": HEAD + "public <a> = " + "[x] " * 2_000 + "y;",
    "repeats in repeats": HEAD + "public <a> = " + "(" * 40 + "x" + ")*" * 40 + ";",
    "many brackets": HEAD + "public <a> = " + "(" * 5_000 + "x" + ")" * 5_000 + ";",
    "a long chain of rules": HEAD
    + "public <a> = <r0>;"
    + "".join(f"<r{n}> = <r{n + 1}>;" for n in range(5_000))
    + "<r5000> = x;",
    "many phrases": "\n".join(f"word{n} again" for n in range(3_000)),
}


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "repeats in repeats"])
def test_a_grammar_that_grows_is_refused_before_it_has_grown(name: str) -> None:
    assert refused(HOSTILE[name]).code == "speech.grammar-too-large"


def test_repeats_in_repeats_are_no_more_than_a_repeat() -> None:
    assert sentences(read_grammar(HOSTILE["repeats in repeats"], ARCS), 3) == {"x", "x x", "x x x"}


def test_a_fault_never_repeats_a_long_text() -> None:
    assert len(refused(HEAD + "public <a> = yes) " + "x" * 10_000 + ";").message) < 200


def test_a_refusal_can_be_told_as_json() -> None:
    told = json.loads(json.dumps(refused("").body()))
    assert told["error"]["type"] == "invalid_request_error"
    assert told["error"]["code"] == "speech.grammar-empty"


# --- laws -------------------------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["yes", "no", "go", "stop"])
# A grammar as text, and the sentences of up to four words that it holds, found in another way than by a graph.
Pair = tuple[str, frozenset[tuple[str, ...]]]


def joined(parts: list[Pair]) -> Pair:
    said: frozenset[tuple[str, ...]] = frozenset({()})
    for _, each in parts:
        said = frozenset(a + b for a in said for b in each if len(a + b) <= 4)
    return " ".join(text for text, _ in parts), said


def chosen(parts: list[Pair]) -> Pair:
    return f"({' | '.join(text for text, _ in parts)})", frozenset().union(*(said for _, said in parts))


def repeated(part: Pair, mark: str) -> Pair:
    text, once = part
    said = once if mark == "+" else once | {()}
    for _ in range(4):
        said |= {a + b for a in said for b in once if len(a + b) <= 4}
    return f"({text}){mark}", frozenset(said)


def optional(part: Pair) -> Pair:
    return f"[{part[0]}]", part[1] | {()}


PAIRS: st.SearchStrategy[Pair] = st.recursive(
    WORDS.map(lambda word: (word, frozenset({(word,)}))),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(joined),
        st.lists(inner, min_size=1, max_size=3).map(chosen),
        inner.map(optional),
        st.tuples(inner, st.sampled_from("*+")).map(lambda both: repeated(*both)),
    ),
    max_leaves=6,
)


@given(PAIRS)
def test_a_grammar_holds_exactly_the_sentences_that_it_says(pair: Pair) -> None:
    text, said = pair
    graph = read_grammar(f"{HEAD}public <a> = {text};", ARCS)
    assert accepted(graph, 4) == {" ".join(words) for words in said if words}


def accepted(graph: Graph, most_words: int) -> set[str]:
    """Return the sentences of a graph, walking over sets of states, which loops do not make longer."""
    found: set[str] = set()
    level: dict[tuple[str, ...], frozenset[int]] = {(): frozenset({0})}
    for _ in range(most_words):
        after: dict[tuple[str, ...], set[int]] = {}
        for words, states in level.items():
            for arc in graph.arcs:
                if arc.start in states:
                    after.setdefault((*words, arc.word), set()).add(arc.end)
        found |= {" ".join(words) for words, states in after.items() if 1 in states}
        level = {words: frozenset(states) for words, states in after.items()}
    return found


@given(PAIRS)
def test_every_state_is_on_a_way_from_the_start_to_the_end(pair: Pair) -> None:
    arcs = read_grammar(f"{HEAD}public <a> = {pair[0]};", ARCS).arcs
    states = {0, 1} | {arc.start for arc in arcs} | {arc.end for arc in arcs}
    assert states == set(range(len(states)))
    before, after = {0}, {1}
    for _ in states:
        before |= {arc.end for arc in arcs if arc.start in before}
        after |= {arc.start for arc in arcs if arc.end in after}
    assert before & after == states


@given(st.text(alphabet='yn |()[]*+<>{}/;="#JSGFV1.0 a', max_size=60))
def test_any_text_is_a_grammar_or_refused(text: str) -> None:
    for whole in (text, HEAD + text, f"{HEAD}public <a> = {text};"):
        with suppress(SpeechError):
            assert read_grammar(whole, 200).arcs
