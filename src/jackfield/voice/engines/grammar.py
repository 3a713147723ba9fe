"""What may be heard: a grammar in JSGF, or a list of phrases, as a graph of words.

JSGF is the JSpeech Grammar Format (W3C Note, 5 June 2000). Taken are its header, rules, alternatives with weights,
sequences, groups, options, `*`, `+`, quoted words, tags (passed over), comments, `<NULL>` and `<VOID>`. Not taken are
imports, which would read files, and rules that refer back to themselves, for which `*` and `+` stand.

The recogniser has a reader of its own, in C. It is not used: it follows imports, and a short grammar whose rules double
each other makes it grow without bound.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from jackfield.records import record
from jackfield.voice.engines.faults import SpeechError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NESTED = 50
_SHOWN = 40
_PHRASE_CUT = re.compile(r"[\n,;]+")
_EDGES = '.,!?;:"()[]'
_START, _END = 0, 1
# Shares are multiplied along empty arcs: none may become nothing.
_LEAST = 1e-30

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/)
    |(?P<rule><[^<>\s]{1,200}>)
    |(?P<tag>\{(?:\\.|[^\\{}])*\})
    |(?P<weight>/\s*[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?\s*/)
    |(?P<quoted>"(?:\\.|[^"\\])*")
    |(?P<mark>[;=|*+()\[\]])
    |(?P<word>[^\s;=|*+<>()\[\]{}/"]+)""",
    re.VERBOSE | re.DOTALL,
)


class Arc(NamedTuple):
    """A word that leads from one state to another, with its share of what may follow there."""

    start: int
    end: int
    share: float
    word: str


@record
class Graph:
    """A grammar without empty steps: every path from state 0 to state 1 is a sentence.

    Attributes:
        arcs: the words, sorted by state.
        words: every different word, in the order of the grammar.
    """

    arcs: tuple[Arc, ...]
    words: tuple[str, ...]


def read_grammar(text: str, most_arcs: int) -> Graph:
    """Return the graph of a grammar: JSGF when it begins with `#JSGF`, else phrases of which one is heard.

    Phrases stand on lines of their own, or have commas or semicolons between them.

    Raises:
        SpeechError: `speech.grammar-syntax`, `speech.grammar-import`, `speech.grammar-recursion`,
            `speech.grammar-empty` (nothing can be heard) or `speech.grammar-too-large`.
    """
    tree = _Reader(text).read() if is_jsgf(text) else _phrases(text)
    graph = _Builder(most_arcs).build(tree)
    if not graph.arcs:
        raise _fault("The grammar holds no words that could be heard.", "speech.grammar-empty")
    return graph


def is_jsgf(text: str) -> bool:
    """Tell whether a text says that it is a JSGF grammar."""
    return text.lstrip("\ufeff \t\r\n").startswith("#JSGF")


# --- the tree ---------------------------------------------------------------------------------------------------------


class Word(NamedTuple):
    """A word, in lower case."""

    text: str


class Sequence(NamedTuple):
    """One after the other; nothing when empty (`<NULL>`)."""

    parts: tuple[Node, ...]


class Choice(NamedTuple):
    """One of several, each with its weight; none when empty (`<VOID>`)."""

    parts: tuple[tuple[float, Node], ...]


class Repeat(NamedTuple):
    """The same again: once at least, unless it `may_miss`; once at most, unless it is `many`."""

    part: Node
    may_miss: bool
    many: bool


class Reference(NamedTuple):
    """Another rule, by its name in angle brackets."""

    name: str


Node = Word | Sequence | Choice | Repeat | Reference


class Rules(NamedTuple):
    """The rules of a grammar by name, and the names of those that may be said."""

    named: Mapping[str, Node]
    public: tuple[str, ...]


def _phrases(text: str) -> Rules:
    found = [[word for raw in line.split() if (word := raw.strip(_EDGES).lower())] for line in _PHRASE_CUT.split(text)]
    different = dict.fromkeys(tuple(words) for words in found if words)
    parts = tuple((1.0, Sequence(tuple(Word(word) for word in words))) for words in different)
    return Rules({"<phrases>": Choice(parts)}, ("<phrases>",))


class _Reader:
    """Reads JSGF by recursive descent."""

    def __init__(self, text: str) -> None:
        head, end, rest = text.lstrip("\ufeff \t\r\n").partition(";")
        if not end or not re.fullmatch(r"#JSGF\s+V1\.0(?:\s+[\w.-]+){0,2}\s*", head):
            raise _fault("A JSGF grammar begins with #JSGF V1.0; and a line feed.", "speech.grammar-syntax")
        self._tokens = list(_tokens(rest))
        self._place = 0
        self._depth = 0

    def read(self) -> Rules:
        """Return all rules.

        Raises:
            SpeechError: `speech.grammar-syntax` or `speech.grammar-import`.
        """
        named: dict[str, Node] = {"<NULL>": Sequence(()), "<VOID>": Choice(())}
        public: list[str] = []
        while self._peek()[0]:
            kind, text = self._next()
            if text == "grammar" and not public and len(named) == 2:
                self._name()
            elif text == "import":
                message = "A grammar cannot import another: only what it holds itself is known."
                raise _fault(message, "speech.grammar-import")
            else:
                if text == "public":
                    kind, text = self._next()
                    public.append(text)
                if kind != "rule" or text in named:
                    self._wrong(text, "the name of a new rule in angle brackets")
                self._expect("=")
                named[text] = self._choice()
                self._expect(";")
        if not public:
            raise _fault("No rule of the grammar is public.", "speech.grammar-syntax", "Write public <name> = ...;")
        return Rules(named, tuple(public))

    def _name(self) -> None:
        kind, text = self._next()
        if kind != "word":
            self._wrong(text, "the grammar's name")
        self._expect(";")

    def _choice(self) -> Node:
        self._depth += 1
        if self._depth > _NESTED:
            raise _fault(f"The grammar has more than {_NESTED} brackets in each other.", "speech.grammar-too-large")
        parts = [self._weighted()]
        while self._peek()[1] == "|":
            self._next()
            parts.append(self._weighted())
        self._depth -= 1
        return parts[0][1] if len(parts) == 1 else Choice(tuple(parts))

    def _weighted(self) -> tuple[float, Node]:
        weight = 1.0
        if self._peek()[0] == "weight":
            weight = min(float(self._next()[1].strip("/ \t\r\n")), 1e9)
        parts: list[Node] = []
        while (part := self._part()) is not None:
            parts.append(part)
        if not parts:
            self._wrong(self._peek()[1], "a word, a rule or a bracket")
        return weight, parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _part(self) -> Node | None:
        kind, text = self._peek()
        node: Node
        if kind in {"word", "quoted"}:
            self._next()
            node = _words(text if kind == "word" else re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL))
        elif kind == "rule":
            self._next()
            node = Reference(text)
        elif text in {"(", "["}:
            self._next()
            inner = self._choice()
            self._expect(")" if text == "(" else "]")
            node = inner if text == "(" else Repeat(inner, may_miss=True, many=False)
        else:
            return None
        return self._after(node)

    def _after(self, node: Node) -> Node:
        kind, text = self._peek()
        if text in {"*", "+"}:
            self._next()
            node = Repeat(node, may_miss=text == "*", many=True)
            kind, text = self._peek()
        while kind == "tag":
            self._next()
            kind, text = self._peek()
        return node

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._place] if self._place < len(self._tokens) else ("", "its end")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._place += 1
        return token

    def _expect(self, mark: str) -> None:
        kind, text = self._next()
        if (kind, text) != ("mark", mark):
            self._wrong(text, f"a {mark}")

    def _wrong(self, found: str, wanted: str) -> NoReturn:
        shown = found if len(found) <= _SHOWN and found.isprintable() else "a long text"
        raise _fault(f"In the grammar stands {shown} where {wanted} is expected.", "speech.grammar-syntax")


def _tokens(text: str) -> Iterable[tuple[str, str]]:
    place = 0
    while place < len(text):
        found = _TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            line = text.count("\n", 0, place) + 1
            raise _fault(f"The grammar cannot be read from its line {line} on.", "speech.grammar-syntax")
        if found.lastgroup != "skip":
            yield found.lastgroup, found.group()
        place = found.end()


def _words(text: str) -> Node:
    parts = tuple(Word(word.lower()) for word in text.split())
    return parts[0] if len(parts) == 1 else Sequence(parts)


# --- the graph --------------------------------------------------------------------------------------------------------


class _Builder:
    """Turns rules into states and arcs, then takes the empty arcs out.

    Every rule is copied where it is referred to, so the size of what comes out is what is bounded, while it grows.
    """

    def __init__(self, most_arcs: int) -> None:
        self._most = most_arcs
        self._worded: list[list[tuple[int, float, str]]] = []
        self._empty: list[list[tuple[int, float]]] = []
        self._count = 0
        self._open: list[str] = []
        self._depth = 0
        self._rules: Mapping[str, Node] = {}

    def build(self, rules: Rules) -> Graph:
        """Return the graph of all public rules together."""
        start, end = self._state(), self._state()
        self._rules = rules.named
        self._put(Choice(tuple((1.0, Reference(name)) for name in rules.public)), start, end)
        arcs: list[Arc] = []
        # Only states that a word leads to have arcs of their own; the others stand behind empty arcs.
        seen, waiting = {start}, [start]
        while waiting:
            leaving = self._leaving(waiting.pop(), end)
            arcs += leaving
            if len(arcs) > self._most:
                raise self._too_large()
            fresh = {arc.end for arc in leaving} - seen
            seen |= fresh
            waiting += sorted(fresh)
        kept = _useful(arcs)
        return Graph(tuple(kept), tuple(dict.fromkeys(arc.word for arc in kept)))

    def _put(self, node: Node, start: int, end: int) -> None:
        """Lay `node` between two states."""
        self._depth += 1
        if self._depth > 2 * _NESTED:
            raise self._too_large()
        self._lay(node, start, end)
        self._depth -= 1

    def _lay(self, node: Node, start: int, end: int) -> None:
        if isinstance(node, Word):
            self._grow()
            self._worded[start].append((end, 1.0, node.text))
        elif isinstance(node, Sequence):
            self._put_sequence(node, start, end)
        elif isinstance(node, Choice):
            total = sum(weight for weight, _ in node.parts)
            for weight, part in node.parts:
                if weight > 0:
                    self._put(part, self._step(start, weight / total), end)
        elif isinstance(node, Repeat):
            first, last = self._step(start, 1.0), self._state()
            self._put(node.part, first, last)
            if node.many:
                self._link(last, first, 1.0)
            if node.may_miss:
                self._link(start, end, 1.0)
            self._link(last, end, 1.0)
        else:
            self._put_rule(node.name, start, end)

    def _put_sequence(self, node: Sequence, start: int, end: int) -> None:
        for part in node.parts[:-1]:
            after = self._state()
            self._put(part, start, after)
            start = after
        if node.parts:
            self._put(node.parts[-1], start, end)
        else:
            self._link(start, end, 1.0)

    def _put_rule(self, name: str, start: int, end: int) -> None:
        if name not in self._rules:
            raise _fault(f"The grammar has no rule {name[:_SHOWN]}.", "speech.grammar-syntax")
        if name in self._open:
            fix = "Write what comes again with * or +."
            raise _fault(f"The rule {name[:_SHOWN]} refers back to itself.", "speech.grammar-recursion", fix)
        self._open.append(name)
        self._put(self._rules[name], start, end)
        self._open.pop()

    def _leaving(self, state: int, end: int) -> list[Arc]:
        """Return the worded arcs of a state, those behind empty arcs included."""
        found: dict[tuple[int, str], float] = {}
        for near, weight in self._reach(state).items():
            for after, share, word in self._worded[near]:
                for target in {after, *((end,) if end in self._reach(after) else ())}:
                    self._grow()
                    found[target, word] = max(found.get((target, word), _LEAST), weight * share)
        return [Arc(state, target, share, word) for (target, word), share in found.items()]

    def _reach(self, state: int) -> dict[int, float]:
        """Return the states that need no word to get to, each with the weight of the way found first."""
        seen = {state: 1.0}
        waiting = [state]
        while waiting:
            here = waiting.pop()
            for after, weight in self._empty[here]:
                if after not in seen:
                    self._grow()
                    seen[after] = seen[here] * weight
                    waiting.append(after)
        return seen

    def _state(self) -> int:
        self._grow()
        self._worded.append([])
        self._empty.append([])
        return len(self._worded) - 1

    def _step(self, start: int, weight: float) -> int:
        after = self._state()
        self._link(start, after, weight)
        return after

    def _link(self, start: int, end: int, weight: float) -> None:
        self._grow()
        self._empty[start].append((end, weight))

    def _grow(self) -> None:
        self._count += 1
        # Work, not only size: each arc costs some ten steps in all, and hostile ones many more.
        if self._count > 50 * self._most:
            raise self._too_large()

    def _too_large(self) -> SpeechError:
        message = f"The grammar is too large: it has more than {self._most} steps from word to word."
        return _fault(message, "speech.grammar-too-large")


def _useful(arcs: list[Arc]) -> list[Arc]:
    """Return the arcs that lie on a way from the start to the end, states without gaps, shares that add up to 1."""
    forward, backward = _reached(arcs, _START), _reached([Arc(a.end, a.start, a.share, a.word) for a in arcs], _END)
    kept = [arc for arc in arcs if arc.start in forward and arc.end in backward]
    totals: dict[int, float] = {}
    numbers = {_START: _START, _END: _END}
    for arc in kept:
        totals[arc.start] = totals.get(arc.start, 0.0) + arc.share
        for state in (arc.start, arc.end):
            numbers.setdefault(state, len(numbers))
    return [Arc(numbers[arc.start], numbers[arc.end], arc.share / totals[arc.start], arc.word) for arc in kept]


def _reached(arcs: list[Arc], start: int) -> set[int]:
    after: dict[int, list[int]] = {}
    for arc in arcs:
        after.setdefault(arc.start, []).append(arc.end)
    seen, waiting = {start}, [start]
    while waiting:
        for state in after.get(waiting.pop(), ()):
            if state not in seen:
                seen.add(state)
                waiting.append(state)
    return seen


def _fault(message: str, code: str, fix: str | None = None) -> SpeechError:
    return SpeechError(400, message, code=code, param="grammar", fix=fix)
