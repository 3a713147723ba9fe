"""Laws of commits, for any config text, any changes and any credentials."""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jackfield.commits import Commits, Draft
from jackfield.config.document import Document
from jackfield.config.file import Change
from jackfield.credentials.profile import ApiKeyCredential, OAuthCredential, Profile, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.credentials.store import CredentialStore
from jackfield.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_800_000_000_000
NAMES = ("acme:default", "acme:work", "zeta:default")
KEYS = ("alpha", "beta", "gamma.delta", "né")

scalars = st.none() | st.booleans() | st.integers(-10, 10) | st.sampled_from(["", "x", "a // b", "}", "é\u2028"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=8,
)
# Only what is not ours: our part of the config is checked, and what is wrong in it stops a commit on purpose.
roots = st.dictionaries(st.sampled_from(KEYS), values, max_size=4)
paths = st.lists(st.sampled_from(KEYS), min_size=1, max_size=3).map(tuple)
changes = st.builds(Change, paths, values)
secrets = st.sampled_from(["k1", "k2", "k3"]).map(Secret)
credentials = st.one_of(
    st.builds(ApiKeyCredential, secrets),
    st.builds(TokenCredential, secrets, st.none() | st.just(NOW)),
    st.builds(OAuthCredential, secrets, st.none() | secrets, st.just(NOW), st.none() | st.just("me@example.test")),
)
styles = st.sampled_from([("\n", "  ", '"'), ("\n", "\t", "'"), ("\r\n", "    ", '"'), ("", "", "'")])
tails: st.SearchStrategy[str] = st.sampled_from(["", ","])
comments: st.SearchStrategy[str] = st.sampled_from(["", "/* a */", "/* { */"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return a config as somebody may have written it: comments, quotes and line ends of their own."""
    line, indent, quote = draw(styles)

    def write(value: object, depth: int) -> str:
        note = draw(comments)
        if isinstance(value, dict):
            members = [
                f"{line}{indent * depth}{note}{quote}{key}{quote}: {write(each, depth + 1)}"
                for key, each in value.items()
            ]
            tail = draw(tails) if members else ""
            return "{" + ",".join(members) + tail + line + indent * (depth - 1) + "}"
        if isinstance(value, list):
            return "[" + f",{note} ".join(write(each, depth + 1) for each in value) + "]"
        if isinstance(value, str):
            return '"' + value.replace("\u2028", "\\u2028") + '"'
        return json.dumps(value)

    return draw(comments) + write(draw(roots), 1) + draw(st.sampled_from(["", "\n", " // end"]))


@st.composite
def drafts(draw: st.DrawFn) -> Draft:
    touched = draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=3))
    gone = {name for name in touched if draw(st.booleans())}
    keep = tuple(Profile(name, draw(credentials)) for name in touched if name not in gone)
    return Draft(tuple(draw(st.lists(changes, max_size=4))), keep=keep, remove=tuple(sorted(gone)))


class Bench:
    def __init__(self, folder: str, store: CredentialStore) -> None:
        self.config = Path(folder) / "config.json5"
        self.store = store
        self.commits = Commits(self.config, store, lambda: NOW)

    def state(self) -> object:
        profiles = [
            (each.id, each.credential.to_secret_dict(), each.origin, each.owner, each.created, each.usage.to_dict())
            for each in self.store.profiles()
        ]
        text = self.config.read_bytes() if self.config.exists() else None
        return text, profiles, self.store.order("acme"), self.store.order("zeta")

    def commit(self, draft: Draft) -> bool:
        """Commit; return False where the draft cannot be laid over the config (a list is on the way, say)."""
        # What a kill left is finished by any commit, also by one that is refused then.
        self.commits.recover()
        before = self.state()
        try:
            self.commits.commit("user", "any", lambda _: draft)
        except ConfigError as error:
            refused = error.code
        else:
            return True
        assert (refused, self.state()) == ("config.not-an-object", before)
        return False


@contextmanager
def bench(text: str | None, profiles: dict[str, Any]) -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder, CredentialStore(Path(folder) / "s.db", clock=lambda: NOW) as store:
        made = Bench(folder, store)
        if text is not None:
            made.config.write_bytes(text.encode())
        for name, credential in profiles.items():
            store.put(Profile(name, credential, origin="https://api.example.com"))
            store.record_failure(name, "timeout")
        store.set_order("acme", [name for name in sorted(profiles, reverse=True) if name.startswith("acme:")])
        yield made


stored = st.dictionaries(st.sampled_from(NAMES), credentials, max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.none() | texts(), stored, drafts())
def test_commit_then_undo_is_the_identity(text: str | None, profiles: dict[str, Any], draft: Draft) -> None:
    with bench(text, profiles) as made:
        before = made.state()
        if made.commit(draft) and made.commits.history():
            preview = made.commits.preview_undo()
            _, kept = made.commits.undo()
            assert kept == ()
            assert preview is not None
            assert preview[1] == (text or "")
        assert made.state() == before
        assert made.store.intents() == ()


@settings(max_examples=25, deadline=None)
@given(texts(), stored, st.lists(drafts(), min_size=2, max_size=4))
def test_undoing_all_commits_gives_back_each_state_on_the_way(
    text: str, profiles: dict[str, Any], several: list[Draft]
) -> None:
    with bench(text, profiles) as made:
        states: list[object] = []
        for draft in several:
            before, count = made.state(), len(made.commits.history())
            if made.commit(draft) and len(made.commits.history()) > count:
                states.append(before)
        while states:
            made.commits.undo()
            assert made.state() == states.pop()


class Killed(BaseException):
    pass


@settings(max_examples=60, deadline=None)
@given(texts(), stored, drafts(), st.sampled_from(["stored", "written", "closed"]), st.booleans())
def test_recovery_is_idempotent_and_finishes_what_was_begun(
    text: str, profiles: dict[str, Any], draft: Draft, point: str, undoing: bool
) -> None:
    def crash(name: str) -> None:
        if name == point:
            raise Killed

    with bench(text, profiles) as made:
        before = made.state()
        if undoing and not made.commit(draft):
            return
        broken = Commits(made.config, made.store, lambda: NOW, crash=crash)
        try:
            if not undoing:
                broken.commit("user", "any", lambda _: draft)
            elif made.commits.history():
                broken.undo()
        except Killed:
            pass
        except ConfigError:
            return
        made.commits.recover()
        once = made.state()
        assert made.commits.recover() == ()
        assert made.state() == once
        assert all(each.state == "done" for each in made.store.intents())
        if not undoing and made.commits.history():
            made.commits.undo()
        assert made.state() == before


steps = st.sampled_from(["commit", "edit", "undo", "kill"])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(steps, drafts()), min_size=1, max_size=8), stored)
def test_any_interleaving_of_commits_hand_edits_undos_and_kills_keeps_what_is_not_ours(
    acts: list[tuple[str, Draft]], profiles: dict[str, Any]
) -> None:
    """The user's members and comments stay through all of it; only the commits' own keys come and go."""
    text = "// mine\n{\n  mine: { a: 1 }, // stays\n}\n"
    with bench(text, profiles) as made:
        edits = 0
        for act, draft in acts:
            if act == "commit":
                made.commit(draft)
            elif act == "undo" and made.commits.history():
                made.commits.undo()
            elif act == "kill":
                _kill(made, draft)
            elif act == "edit":
                edits += 1
                old = made.config.read_text()
                made.config.write_text(
                    Document.parse(old).set(("mine", f"e{edits}"), edits).text + f"// edit {edits}\n"
                )
        made.commits.recover()
        left = made.config.read_text()
        document = Document.parse(left)
        assert left.startswith("// mine\n{\n")
        assert "// stays\n" in left
        assert all(f"// edit {number}\n" in left for number in range(1, edits + 1))
        assert document.get(("mine",)) == {"a": 1} | {f"e{number}": number for number in range(1, edits + 1)}
        while made.commits.history():
            made.commits.undo()
        if not edits:
            assert made.config.read_text() == text


def _kill(made: Bench, draft: Draft) -> None:
    def crash(_: str) -> None:
        raise Killed

    with suppress(Killed, ConfigError):
        Commits(made.config, made.store, lambda: NOW, crash=crash).commit("user", "any", lambda _: draft)
