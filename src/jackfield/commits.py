"""Commits: config and credentials changed together or not at all, each with a record by which it can be taken back.

The config is a file and the credentials are a database, so no single write covers both. The order is: under the
config's lock, one transaction of the store keeps the credentials *and* an intent that says what the config is to
become; then the config is written; then the intent is marked done. A kill between the two leaves an intent that is not
done, and whoever starts next finishes it: the config then says either what it said before and gets the changes, or what
it should say already. Done intents stay as records: for `undo`, and to tell what was set by a login from what was set
by hand.

The config's lock is always taken first and the store's transaction within it, never the other way round. A record is
sealed like a credential, since it holds the credentials that a commit replaced; the newest `UNDO_DEPTH` keep them,
older ones only what was written where. What is restored is compared first with what the commit left: a leaf or a
credential that somebody changed since stays as it is. An OAuth login that was renewed since is still that login: taking
it back takes the renewed credential with it, since both are one grant.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jackfield._files import flush_folder, locked
from jackfield.config.document import same
from jackfield.config.file import LOCK_TIMEOUT_S, apply_changes, load_config, set_leaf, write_config
from jackfield.config.host import ABSENT, find
from jackfield.credentials.profile import OAuthCredential, Profile, credential_from_secret_dict
from jackfield.credentials.usage import Usage
from jackfield.diagnostics import Diagnostic
from jackfield.errors import ConfigError, InternalError, RequestError, StoreError
from jackfield.ids import canonical_id
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence

    from jackfield.config.document import Document
    from jackfield.config.file import Change, LoadedConfig
    from jackfield.credentials.rows import Intent, Transaction
    from jackfield.credentials.store import CredentialStore

KeyPath = tuple[str, ...]
_Fate = Literal["taken-back", "written", "kept"]

PENDING = "pending"
DONE = "done"

UNDO_DEPTH = 20
"""How many commits of one config file can be taken back."""
KEPT = 200
"""How many records of one config file are kept to tell where its settings come from."""
KEPT_IN_ALL = 1_000
"""How many records a store keeps of all config files together."""

_PREFIX = "commit-"
_NO_FILE = "none"
_COMMENTS = ("//", "/*")


@record
class Step:
    """One leaf that a commit changed: its value before and after, `ABSENT` where there was none.

    `root` is how many keys of the path led through objects that were there before, so that taking the step back removes
    the objects that were made on the way, and no others.
    """

    path: KeyPath
    before: object
    after: object
    root: int

    def __repr__(self) -> str:
        return f"Step(path={self.path!r})"  # a config may hold a literal key


@record
class Commit:
    """What one commit did.

    Attributes:
        id: its name; of one config file's commits later ones sort after earlier ones, whatever the clock does.
        at: when, ms since the epoch.
        owner: who asked for it: `core`, `user`, `plugin:<id>` or `doctor`.
        title: one line for people.
        steps: the leaves of the config it changed.
        profiles: ids of the credential profiles it wrote or removed.
    """

    id: str
    at: int
    owner: str
    title: str
    steps: tuple[Step, ...]
    profiles: tuple[str, ...]


@record
class Draft:
    """What is to be committed: changes of the config, profiles to keep, ids of profiles to remove.

    No profile is named twice.
    """

    changes: tuple[Change, ...]
    keep: tuple[Profile, ...] = ()
    remove: tuple[str, ...] = ()


@record
class _Order:
    """What is to be carried out: the config's new text (None: no file), and what happens to the credentials."""

    owner: str
    title: str
    text: str | None
    steps: tuple[Step, ...]
    profiles: tuple[str, ...]
    work: Callable[[Transaction], None]
    undoes: str | None = None


class Commits:
    """Makes, finishes and takes back commits of one config file and one store.

    Several config files may share a store; each has commits of its own. A config file that is a symbolic link is the
    file that it points to.

    Args:
        config_file: the config file.
        store: the credential store, which also keeps the records.
        clock: ms since the epoch.
        crash: called with the name of each point between two writes (`stored`, `written`, `closed`); tests end the
            process there.

    Attributes:
        recovered: what was done about interrupted commits since this object was made, and which of its own commits
            are made, but could not be noted as such.
    """

    def __init__(
        self,
        config_file: Path,
        store: CredentialStore,
        clock: Callable[[], int],
        *,
        crash: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._named = config_file
        self._path = Path(os.path.realpath(config_file))
        self._own = f"{_PREFIX}{hashlib.sha256(os.fsencode(self._path)).hexdigest()[:16]}-"
        self._store = store
        self._clock = clock
        self._crash = crash
        self.recovered: tuple[Diagnostic, ...] = ()

    def commit(self, owner: str, title: str, draft: Callable[[LoadedConfig], Draft]) -> Commit:
        """Lock the config, read it, let `draft` say what to change on what it says now, and commit that.

        `draft` may read the store. A commit that changes nothing leaves no record.

        Raises:
            ConfigError: `config.*`; StoreError: `store.*`. Neither the config nor a credential is changed then, except
                with `config.unsure`: the disk failed when all or one half was written, and the next start settles it.
            InternalError: `internal.draft` when the draft names a profile twice.
        """
        with self._locked():
            records = self._settled()
            loaded = self._load()
            loaded.require_valid()
            wanted = draft(loaded)
            touched = _touched(wanted)
            document = apply_changes(loaded.document, wanted.changes)

            def work(store: Transaction) -> None:
                for name in wanted.remove:
                    store.delete(name)
                for profile in wanted.keep:
                    store.put(profile)

            steps = _steps(loaded.document.own, document.own, (each.path for each in wanted.changes))
            text = document.text if document.text != loaded.document.text else _text(loaded)
            return self._carry_out(_Order(owner, title, text, steps, touched, work), loaded, records)

    def recover(self) -> tuple[Diagnostic, ...]:
        """Finish what a killed process began; return what was done about it. Cheap when there is nothing.

        Raises nothing: what hinders it (a broken config, a sealed store) is a diagnostic, and it is tried again at the
        next start. A commit that another process is carrying out right now is left to it. A store that cannot be read
        at all is told by whoever reads it: whether anything was interrupted is not known then.
        """
        try:
            if not self._store.intent_ids(prefix=self._own, state=PENDING):
                return ()
        except StoreError:
            return ()
        try:
            if not self._mine(PENDING):
                return ()
            with self._locked(timeout=0):
                return self._finish_pending(self._mine())
        except (ConfigError, StoreError) as error:
            if error.code == "config.locked":
                return ()
            return (_unfinished("An interrupted change", error.message, error.fix),)

    def undo(self) -> tuple[Commit, tuple[Diagnostic, ...]]:
        """Take the last commit back: config and credentials.

        Where nothing else was changed since, the config is what it was before, byte for byte. Leaves and credentials
        that were changed or removed since stay as they are, each with a diagnostic: `config.changed-since`,
        `store.changed-since`, `store.removed-since`, `store.shared` (another config file's login relies on it).

        Raises:
            RequestError: `config.nothing-to-undo`.
            ConfigError, StoreError: as `commit`; `store.sealed`, `store.other-key` or `store.tampered` when the record
                of the last commit does not open, since an older one must not be taken back in its place.
        """
        with self._locked():
            records = self._settled()
            intent = self._newest(self._of(records))
            if intent is None:
                message = "There is no commit to take back."
                fix = "Only what this program wrote can be taken back."
                raise RequestError(message, code="config.nothing-to-undo", fix=fix)
            loaded = self._load()
            loaded.require_valid()
            text, steps, kept = _reversal(intent, loaded)
            commit, notes = _read(intent), list(kept)
            shared, renewed = self._shared(intent, records), self._not_replaced(intent, records)

            def work(store: Transaction) -> None:
                notes.extend(_restore(store, intent.payload, shared, renewed))

            title = f"undo of: {commit.title}"
            order = _Order("user", title, text, steps, commit.profiles, work, undoes=intent.id)
            self._carry_out(order, loaded, records)
            return commit, tuple(notes)

    def forget(self, profiles: Iterable[str]) -> None:
        """Erase the credentials of these profiles from every record; what needs them cannot be taken back any more.

        Raises:
            ConfigError, StoreError: `config.locked`, or as `CredentialStore.intents`; when some records do not open,
                the others are purged, and the error says that these may still hold a credential.
        """
        names = frozenset(profiles)
        with self._locked():
            found = [each for each in self._records(DONE) if names & set(_profile_notes(each.payload))]
            with self._store.transaction() as store:
                for each in found:
                    store.put_intent(each.id, _without_secrets(each.payload), state=DONE)
            shut = self._store.intent_faults(prefix=_PREFIX)
        for fault in shut.values():
            message = f"A record that does not open may still hold {', '.join(sorted(names))}. {fault.message}"
            raise StoreError(message, code=fault.code, fix=fault.fix)

    def remembered(self) -> tuple[str, ...]:
        """Return the ids of the profiles whose credentials the records of any config file still hold, sorted.

        Raises:
            StoreError: as `CredentialStore.intents`.
        """
        notes = (item for each in self._records() for item in _profile_notes(each.payload).items())
        return tuple(sorted({name for name, note in notes if note.get("before") is not None}))

    def history(self) -> tuple[Commit, ...]:
        """Return the commits that can be taken back, oldest first."""
        return tuple(_read(each) for each in _undoable(self._mine()))

    def preview_undo(self) -> tuple[str, str] | None:
        """Return the config's text as it is and as `undo` would leave it; None when there is nothing to take back.

        A missing file is an empty text.

        Raises:
            ConfigError: the config cannot be read, or has errors.
            StoreError: as `undo`.
        """
        newest = self._newest(self._mine())
        if newest is None:
            return None
        loaded = self._load()
        loaded.require_valid()
        text, _, _ = _reversal(newest, loaded)
        return _text(loaded) or "", text or ""

    def written(self) -> dict[KeyPath, object]:
        """Return what commits last wrote, by path: a leaf that says something else now was set by hand (G19)."""
        found: dict[KeyPath, object] = {}
        for each in self._mine(DONE):
            for step in _read(each).steps:
                _note(found, step)
        return found

    def origin_of(self, path: KeyPath, value: object) -> Commit | None:
        """Return the commit that gave the leaf at `path` the value it has, or None when it was set by hand."""
        for each in reversed(self._mine(DONE)):
            commit = _read(each)
            for step in reversed(commit.steps):
                if step.path == path[: len(step.path)]:
                    found = find(step.after, path[len(step.path) :]) if step.after is not ABSENT else ABSENT
                    return commit if found is not ABSENT and _same(found, value) else None
        return None

    @contextmanager
    def _locked(self, timeout: float = LOCK_TIMEOUT_S) -> Iterator[None]:
        with ExitStack() as held:
            try:
                held.enter_context(locked(self._path.with_name(self._path.name + ".lock"), timeout=timeout))
            except TimeoutError as error:
                message = f"Another process has been changing {self._path} for {timeout:g} s."
                raise ConfigError(message, code="config.locked", fix="Try again when it has finished.") from error
            except OSError as error:
                raise self._write_failed(error) from error
            yield

    def _load(self) -> LoadedConfig:
        """Read the config and everything that it takes in, as they are now."""
        return load_config(self._path, named=self._named)

    def _write_failed(self, error: OSError) -> ConfigError:
        message = f"{self._path} cannot be written: {error.strerror or error}."
        fix = "Nothing was changed. Mend that and try again."
        return ConfigError(message, code="config.write-failed", fix=fix)

    def _records(self, state: str | None = None) -> list[Intent]:
        return sorted(self._store.intents(prefix=_PREFIX, state=state), key=lambda each: each.id)

    def _mine(self, state: str | None = None) -> list[Intent]:
        """Return the records of this config file, oldest first."""
        return sorted(self._store.intents(prefix=self._own, state=state), key=lambda each: each.id)

    def _of(self, records: Iterable[Intent]) -> list[Intent]:
        return [each for each in records if each.id.startswith(self._own)]

    def _newest(self, mine: Iterable[Intent]) -> Intent | None:
        """Return the record that `undo` takes back, None where there is none.

        Raises:
            StoreError: a later record does not open.
        """
        newest = next(iter(reversed(_undoable(mine))), None)
        shut = sorted(self._store.intent_faults(prefix=self._own).items())
        if shut and (newest is None or shut[-1][0] > newest.id):
            _, fault = shut[-1]
            message = f"The last change cannot be taken back, because its record does not open. {fault.message}"
            raise StoreError(message, code=fault.code, fix=fault.fix)
        return newest

    def _settled(self) -> list[Intent]:
        """Return every record, after finishing what killed processes left; the config's lock is held.

        Records that were damaged must not stop the next login; what reads them says so.
        """
        fault = self._store.write_fault()
        if fault is not None:
            raise fault
        try:
            records = self._records()
        except StoreError as error:
            if error.code != "store.tampered":
                raise
            return []
        if not _pending(self._of(records)):
            return records
        self._finish_pending(self._of(records))
        return self._records()

    def _shared(self, intent: Intent, records: Iterable[Intent]) -> frozenset[str]:
        """Return the profiles of a commit that a commit of another config file left as they are, too."""
        mine = _profile_notes(intent.payload)
        found = set()
        for other in records:
            if not other.id.startswith(self._own):
                theirs = _profile_notes(other.payload)
                found |= {name for name in mine if theirs.get(name, {}).get("after") == mine[name].get("after")}
        return frozenset(name for name in found if mine[name].get("after") is not None)

    def _not_replaced(self, intent: Intent, records: Iterable[Intent]) -> frozenset[str]:
        """Return the profiles of a commit that no later commit wrote: what differs there since was renewed."""
        later = (other for other in records if other.id != intent.id and other.created >= intent.created)
        return frozenset(_profile_notes(intent.payload)).difference(*(_profile_notes(each.payload) for each in later))

    def _carry_out(self, order: _Order, loaded: LoadedConfig, records: Sequence[Intent]) -> Commit:
        old, now = _text(loaded), self._clock()
        done = Commit(self._next_id(now), now, order.owner, order.title, order.steps, order.profiles)
        if order.text == old and not order.profiles and order.undoes is None:
            return done
        with self._store.transaction() as store:
            before = _snapshot(store, order.profiles)
            order.work(store)
            payload = _payload(done, before, _snapshot(store, order.profiles), old, order.text, order.undoes)
            if order.text == old:
                self._close(store, done.id, payload, records)
            else:
                store.put_intent(done.id, payload, state=PENDING)
        self._crash("stored")
        if order.text != old:
            self._replace(order.text, done.id, payload)
            self._crash("written")
            self._note_done(done, payload, records)
        self._crash("closed")
        return done

    def _note_done(self, done: Commit, payload: Mapping[str, object], records: Sequence[Intent]) -> None:
        """Mark a commit done whose two halves are written; where that fails it is made all the same, and told."""
        try:
            with self._store.transaction() as store:
                self._close(store, done.id, payload, records)
        except StoreError as error:
            message = f"This is done, but could not be noted as such in the credential store: {done.title}."
            hint = f"{error.fix or 'Mend the store.'} The next start of this program notes it."
            self.recovered += (Diagnostic("config.unfinished", message, "warning", hint=hint),)

    def _next_id(self, now: int) -> str:
        # A record that does not open counts, too: none may sort before it that is later.
        ids = self._store.intent_ids(prefix=self._own)
        last = max((int(each[len(self._own) :].partition("-")[0]) for each in ids), default=0)
        return f"{self._own}{max(now, last + 1):016d}-{secrets.token_hex(4)}"

    def _replace(self, text: str | None, commit_id: str, payload: Mapping[str, object]) -> None:
        """Write the config; where that fails the credentials become again what they were."""
        fates: list[_Fate] = []
        try:
            with ExitStack() as cleanup:
                # Also when the user presses Ctrl-C in the middle of it.
                cleanup.callback(lambda: fates.append(self._taken_back(commit_id, payload)))
                self._write(text)
                cleanup.pop_all()
        except OSError as error:
            if fates == ["taken-back"]:
                raise self._write_failed(error) from error
            reason = error.strerror or error
            message = f"{self._path} is written, but the disk may not keep it: {reason}."
            fix = "Look after the disk. The next start of this program settles it."
            if fates == ["kept"]:
                message = f"The credential store is changed, but {self._path} cannot be written: {reason}."
                fix = "Make room on the disk, or mend it. The next start of this program then writes it."
            raise ConfigError(message, code="config.unsure", fix=fix) from error

    def _taken_back(self, commit_id: str, payload: Mapping[str, object]) -> _Fate:
        """Undo the credentials' half, unless the config is written already: then the intent stays, to be finished.

        It stays, too, when the store cannot be written either, as on a full disk.
        """
        try:
            if _digest(_text(self._load())) == payload["after"]:
                return "written"
            with self._store.transaction() as store:
                _restore(store, payload)
                store.remove_intent(commit_id)
        except (ConfigError, StoreError):
            return "kept"
        return "taken-back"

    def _write(self, text: str | None) -> None:
        if text is not None:
            write_config(self._path, text)
            return
        self._path.unlink(missing_ok=True)
        flush_folder(self._path.parent)

    def _close(
        self, store: Transaction, commit_id: str, payload: Mapping[str, object], records: Iterable[Intent]
    ) -> None:
        """Mark a commit done. One that took another back leaves neither: both are as if they had not been."""
        undoes = payload.get("undoes")
        if isinstance(undoes, str):
            store.remove_intent(undoes)
            store.remove_intent(commit_id)
            return
        store.put_intent(commit_id, payload, state=DONE)
        mine = [each for each in _done(self._of(records)) if each.id != commit_id]
        for each in _undoable(mine[: -UNDO_DEPTH + 1])[-1:]:
            store.put_intent(each.id, _without_secrets(each.payload), state=DONE)
        for each in mine[: -KEPT + 1]:
            store.remove_intent(each.id)
        self._drop_shut(store, {commit_id, *(each.id for each in records)})
        others = [each for each in _done(records) if not each.id.startswith(self._own)]
        room = KEPT_IN_ALL - min(len(mine) + 1, KEPT)
        for each in sorted(others, key=lambda each: each.created)[: max(len(others) - room, 0)]:
            store.remove_intent(each.id)

    def _drop_shut(self, store: Transaction, opened: Container[str]) -> None:
        """Remove records that do not open once they are so old that they could not be taken back anyway."""
        for each in sorted(store.intent_ids(prefix=self._own, state=DONE))[:-UNDO_DEPTH]:
            if each not in opened:
                store.remove_intent(each)

    def _finish_pending(self, mine: Sequence[Intent]) -> tuple[Diagnostic, ...]:
        """Finish the commits of killed processes; the config's lock is held, so none of them is under way."""
        done = tuple(note for intent in _pending(mine) for note in self._finish(intent, mine))
        self.recovered += done
        return done

    def _finish(self, intent: Intent, mine: Sequence[Intent]) -> Iterator[Diagnostic]:
        commit, payload = _read(intent), intent.payload
        try:
            loaded = self._load()
            target = _target(commit, payload, loaded)
            if target is ABSENT:
                yield from self._take_back(commit, payload)
                return
            if target != _text(loaded):
                self._write(None if target is None else str(target))
        except ConfigError as error:
            yield _unfinished(commit.title, error.message, error.fix)
            return
        except OSError as error:
            yield _unfinished(commit.title, self._write_failed(error).message, "Mend that.")
            return
        self._crash("written")
        with self._store.transaction() as store:
            self._close(store, intent.id, payload, mine)
        self._crash("closed")
        yield Diagnostic("config.finished", f"Finished what was interrupted: {commit.title}.", "info")

    def _take_back(self, commit: Commit, payload: Mapping[str, object]) -> Iterator[Diagnostic]:
        with self._store.transaction() as store:
            kept = _restore(store, payload)
            store.remove_intent(commit.id)
        message = f"Took back what was interrupted, because the config has changed since: {commit.title}."
        yield Diagnostic("config.rolled-back", message, "warning", hint="Do it again.")
        yield from kept


# ------------------------------------------------------------------------------------------------- the config's half


def _steps(before: object, after: object, paths: Iterable[KeyPath]) -> tuple[Step, ...]:
    """Return what differs at `paths` between two values of the config."""
    steps = (
        Step(path, find(before, path), find(after, path), _root(before, path)) for path in dict.fromkeys(paths) if path
    )
    return tuple(each for each in steps if not _same(each.before, each.after))


def _root(value: object, path: KeyPath) -> int:
    lengths = range(1, len(path))
    return next((each - 1 for each in lengths if not isinstance(find(value, path[:each]), dict)), len(path) - 1)


def _reversal(intent: Intent, loaded: LoadedConfig) -> tuple[str | None, tuple[Step, ...], tuple[Diagnostic, ...]]:
    """Return the config's text with a commit taken back, the steps to it, and what stays because it was changed."""
    commit, payload, text = _read(intent), intent.payload, _text(loaded)
    document, paths, kept = loaded.document, list[KeyPath](), list[Diagnostic]()
    for step in reversed(commit.steps):
        for path, target, root in _edits(step.path, step.before, step.after, find(document.own, step.path), step.root):
            edited = None if root is None else _edited(document, path, target)
            if edited is None:
                message = "This was changed since, and stays as it is."
                kept.append(Diagnostic("config.changed-since", message, "warning", path))
                continue
            document = _pruned(edited, path, root) if target is ABSENT and root is not None else edited
            paths.append(step.path)
    steps = _steps(loaded.document.own, document.own, (_gone(document.own, path) for path in paths))
    if _digest(text) == payload["after"]:
        exact = _patched(payload, text, forward=False)
        if _digest(exact) == payload["before"]:
            return exact, steps, ()
    return (document.text if document.text != loaded.document.text else text), steps, tuple(kept)


def _gone(value: object, path: KeyPath) -> KeyPath:
    """Return the outermost object on the way to `path` that is not there any more, else `path` itself."""
    return next((path[:each] for each in range(1, len(path)) if find(value, path[:each]) is ABSENT), path)


def _edits(
    path: KeyPath, before: object, after: object, now: object, root: int
) -> Iterator[tuple[KeyPath, object, int | None]]:
    """Yield (path, value, root) for each leaf to set back, with None as root for one that was changed since."""
    if _same(now, before):
        return
    if _same(now, after):
        yield path, before, root
    elif isinstance(after, dict) and isinstance(now, dict) and (before is ABSENT or isinstance(before, dict)):
        known = before if isinstance(before, dict) else {}
        inner = len(path) if isinstance(before, dict) else root
        for key in dict.fromkeys((*after, *known)):
            old, new = known.get(key, ABSENT), after.get(key, ABSENT)
            if not _same(old, new):
                yield from _edits((*path, key), old, new, now.get(key, ABSENT), inner)
    else:
        yield path, now, None


def _edited(document: Document, path: KeyPath, target: object) -> Document | None:
    """Return the document with `target` at `path`; None where something else than an object is on the way by now."""
    try:
        if target is None:
            return document.set(path, None)
        return set_leaf(document, path, None if target is ABSENT else target)
    except ConfigError as error:
        if error.code != "config.not-an-object":
            raise
        return None


def _pruned(document: Document, path: KeyPath, root: int) -> Document:
    """Remove the objects on the way to `path` that were made for it and hold nothing, not even a comment."""
    for length in range(len(path) - 1, root, -1):
        if document.get(path[:length]) != {}:
            break
        without = document.delete(path[:length])
        _, gone, _ = _difference(document.text, without.text)
        if any(mark in gone for mark in _COMMENTS):
            break
        document = without
    return document


def _target(commit: Commit, payload: Mapping[str, object], loaded: LoadedConfig) -> object:
    """Return the text that the config gets when an interrupted commit is finished (None: no file).

    `ABSENT` when it cannot be, because somebody changed the same leaves since.

    Raises:
        ConfigError: the config has errors by now.
    """
    text = _text(loaded)
    if _digest(text) == payload["after"]:
        return text
    if _digest(text) == payload["before"]:
        exact = _patched(payload, text, forward=True)
        if _digest(exact) == payload["after"]:
            return exact
    loaded.require_valid()
    document: Document | None = loaded.document
    for step in commit.steps:
        now = find(loaded.document.own, step.path)
        if not (_same(now, step.before) or _same(now, step.after)):
            return ABSENT
        document = _edited(document, step.path, step.after) if document is not None else None
    if document is None:
        return ABSENT
    return document.text if document.text != loaded.document.text else text


def _text(loaded: LoadedConfig) -> str | None:
    return loaded.document.text if loaded.exists else None


def _digest(text: str | None) -> str:
    return _NO_FILE if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _difference(old: str, new: str) -> tuple[int, str, str]:
    """Return where two texts begin to differ, and what each has there up to where they agree again."""
    start = _agreement(old, new)
    tail = _agreement(old[start:][::-1], new[start:][::-1])
    return start, old[start : len(old) - tail], new[start : len(new) - tail]


def _agreement(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _patched(payload: Mapping[str, object], text: str | None, *, forward: bool) -> str | None:
    """Return the text on the other side of a commit; its digest tells whether it came out right."""
    if payload["after" if forward else "before"] == _NO_FILE:
        return None
    patch = payload.get("patch")
    if not isinstance(patch, list):
        return text
    start, gone, come = patch if forward else (patch[0], patch[2], patch[1])
    text = text or ""
    return f"{text[:start]}{come}{text[start + len(gone) :]}"


def _note(found: dict[KeyPath, object], step: Step) -> None:
    """Lay one step over what is known to be written: inside an object that was written whole, or over its parts."""
    for path in [each for each in found if each[: len(step.path)] == step.path]:
        del found[path]
    for path in [each for each in found if step.path[: len(each)] == each]:
        found[path] = _with(found[path], step.path[len(path) :], step.after)
    if step.after is not ABSENT:
        found[step.path] = step.after


def _with(value: object, path: KeyPath, leaf: object) -> object:
    if not path:
        return leaf
    members = dict(value) if isinstance(value, dict) else {}
    inner = _with(members.get(path[0], {}), path[1:], leaf)
    if inner is ABSENT:
        members.pop(path[0], None)
    else:
        members[path[0]] = inner
    return members


def _same(one: object, other: object) -> bool:
    if one is ABSENT or other is ABSENT:
        return one is other
    return same(one, other)


# ------------------------------------------------------------------------------------------------- the store's half


@record
class _Snapshot:
    """Profiles and orders at one instant: None for a profile that is not there, or that does not open any more."""

    profiles: Mapping[str, Profile | None]
    orders: Mapping[str, tuple[str, ...]]


def _touched(draft: Draft) -> tuple[str, ...]:
    touched = (*(each.id for each in draft.keep), *draft.remove)
    if len(set(touched)) < len(touched):
        raise InternalError("A commit names the same profile twice; nothing was changed.", code="internal.draft")
    return touched


def _snapshot(store: Transaction, names: Iterable[str]) -> _Snapshot:
    profiles = {name: _get(store, name) for name in names}
    providers = dict.fromkeys(canonical_id(name.partition(":")[0]) for name in profiles)
    return _Snapshot(profiles, {each: store.order(each) for each in providers})


def _get(store: Transaction, name: str) -> Profile | None:
    try:
        return store.get(name)
    except StoreError as error:
        # What was damaged is being replaced. A store of which nothing opens refuses to be written; where only this
        # one is sealed with another key, it must be possible to log in over it.
        if error.code not in {"store.tampered", "store.other-key"}:
            raise
        return None


def _restore(
    store: Transaction,
    payload: Mapping[str, object],
    shared: frozenset[str] = frozenset(),
    renewed: frozenset[str] = frozenset(),
) -> tuple[Diagnostic, ...]:
    """Set a commit's credentials back; return one diagnostic for each that stays, because it is not the commit's.

    Args:
        store: where they are.
        payload: the commit's record.
        shared: profiles that another config file's login relies on.
        renewed: profiles that no login wrote since, so that another credential of the same grant is a renewed one.
    """
    notes = _profile_notes(payload)
    now = _snapshot(store, notes)
    kept: list[Diagnostic] = []
    for name, note in notes.items():
        before = _as_profile(name, note.get("before"))
        present = now.profiles[name]
        if _fingerprint(present) == _fingerprint(before):
            continue
        is_renewed = name in renewed and _is_same_grant(note.get("grant"), _grant(present))
        if _fingerprint(present) != note.get("after") and not is_renewed:
            kept.append(_stays(name, present))
        elif name in shared:
            message = f"The credential {name} stays: a login for another config file left it as it is."
            kept.append(Diagnostic("store.shared", message, "warning", ("auth", "profiles", name)))
        else:
            _put_back(store, name, before, present)
    _restore_orders(store, payload, now)
    return tuple(kept)


def _stays(name: str, present: Profile | None) -> Diagnostic:
    path = ("auth", "profiles", name)
    if present is None:
        message = f"The credential {name} was removed since, and is not brought back."
        return Diagnostic("store.removed-since", message, "warning", path, hint="Log in again if you need it.")
    message = f"The credential {name} is a newer one, and stays."
    hint = f"Remove it with: jackfield logout --profile {name}"
    return Diagnostic("store.changed-since", message, "warning", path, hint=hint)


def _put_back(store: Transaction, name: str, before: Profile | None, present: Profile | None) -> None:
    # A profile that is put over another one would take on its usage.
    store.delete(name)
    if before is None:
        return
    used = [each.usage.last_used for each in (before, present) if each and each.usage.last_used is not None]
    store.put(replace(before, usage=replace(before.usage, last_used=max(used, default=None))))


def _restore_orders(store: Transaction, payload: Mapping[str, object], now: _Snapshot) -> None:
    """Put orders back as they were before the commit; one that was changed since keeps what it says."""
    for provider, orders in _items(payload.get("orders")):
        before, after = orders if isinstance(orders, list) else ([], [])
        present = now.orders.get(provider, ())
        wanted = before if list(present) == after else present
        left = [each for each in wanted if _is_there(store, each)]
        if tuple(left) != store.order(provider):
            store.set_order(provider, left)


def _is_there(store: Transaction, name: str) -> bool:
    try:
        return store.get(name) is not None
    except StoreError:
        return True  # a row that does not open is a row


def _payload(
    commit: Commit, before: _Snapshot, after: _Snapshot, old: str | None, new: str | None, undoes: str | None
) -> dict[str, object]:
    # ASCII, because a config's strings may hold what UTF-8 cannot say.
    steps = [
        [list(each.path), *(_boxed(value) for value in (each.before, each.after)), each.root] for each in commit.steps
    ]
    return {
        "owner": commit.owner,
        "title": commit.title,
        "at": commit.at,
        "steps": json.dumps(steps),
        "before": _digest(old),
        "after": _digest(new),
        "patch": list(_difference(old or "", new or "")),
        "profiles": {
            name: {
                "before": _profile_fields(profile),
                "after": _fingerprint(after.profiles[name]),
                "grant": _grant(after.profiles[name]),
            }
            for name, profile in before.profiles.items()
        },
        "orders": {name: [list(ids), list(after.orders[name])] for name, ids in before.orders.items()},
        "undoes": undoes,
    }


def _without_secrets(payload: Mapping[str, object]) -> dict[str, object]:
    """Return a record that still tells what was written where, and can no longer be taken back."""
    notes = {name: {"after": note.get("after")} for name, note in _profile_notes(payload).items()}
    steps = [Step(each.path, ABSENT, each.after, each.root) for each in _unpack(payload.get("steps"))]
    packed = json.dumps([[list(each.path), [], _boxed(each.after), each.root] for each in steps])
    return {**payload, "steps": packed, "profiles": notes, "orders": {}, "patch": None, "final": True}


def _boxed(value: object) -> list[object]:
    return [] if value is ABSENT else [value]


def _unpack(packed: object) -> tuple[Step, ...]:
    steps = json.loads(packed) if isinstance(packed, str) else []
    return tuple(Step(tuple(path), _unboxed(before), _unboxed(after), root) for path, before, after, root in steps)


def _unboxed(box: Sequence[object]) -> object:
    return box[0] if box else ABSENT


def _profile_fields(profile: Profile | None) -> dict[str, object] | None:
    if profile is None:
        return None
    return {
        "credential": profile.credential.to_secret_dict(),
        "origin": profile.origin,
        "owner": profile.owner,
        "created": profile.created,
        "usage": profile.usage.to_dict(),
    }


def _as_profile(name: str, fields: object) -> Profile | None:
    if not isinstance(fields, dict):
        return None
    return Profile(
        name,
        credential_from_secret_dict(fields["credential"]),
        origin=fields["origin"],
        owner=fields["owner"],
        created=fields["created"],
        usage=Usage(**fields["usage"]),
    )


def _fingerprint(profile: Profile | None) -> str | None:
    """Return what tells a credential from any other, without telling it; the usage does not count."""
    if profile is None:
        return None
    told = [profile.credential.to_secret_dict(), profile.origin, profile.owner]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _grant(profile: Profile | None) -> dict[str, object] | None:
    """Return what a renewal leaves as it is of an OAuth login; None for what is never renewed."""
    if profile is None or not isinstance(profile.credential, OAuthCredential):
        return None
    return {"email": profile.credential.email, "origin": profile.origin, "owner": profile.owner}


def _is_same_grant(left: object, present: dict[str, object] | None) -> bool:
    if not isinstance(left, dict) or present is None:
        return False
    # A renewal may be the first to tell the account.
    return present == {**left, "email": left.get("email") or present["email"]}


def _profile_notes(payload: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    return {name: note for name, note in _items(payload.get("profiles")) if isinstance(note, dict)}


# ------------------------------------------------------------------------------------------------------- the records


def _pending(records: Iterable[Intent]) -> list[Intent]:
    return [each for each in records if each.state == PENDING]


def _done(records: Iterable[Intent]) -> list[Intent]:
    return [each for each in records if each.state == DONE]


def _undoable(records: Iterable[Intent]) -> list[Intent]:
    return [each for each in _done(records) if not each.payload.get("final")]


def _read(intent: Intent) -> Commit:
    payload = intent.payload
    at_ms = payload.get("at")
    return Commit(
        id=intent.id,
        at=at_ms if isinstance(at_ms, int) else intent.created,
        owner=str(payload.get("owner")),
        title=str(payload.get("title")),
        steps=_unpack(payload.get("steps")),
        profiles=tuple(name for name, _ in _items(payload.get("profiles"))),
    )


def _unfinished(title: str, why: str, fix: str | None) -> Diagnostic:
    message = f"Cannot finish yet what was interrupted: {title}. {why}"
    return Diagnostic("config.unfinished", message, "warning", hint=fix or "It is tried again at the next start.")


def _items(value: object) -> Iterable[tuple[str, object]]:
    return value.items() if isinstance(value, dict) else ()
