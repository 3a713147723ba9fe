"""The config file: reading it whole with every fault placed, changing its leaves, writing it whole with backups.

Files that it takes in by `$include` are read with it and never written: what changes is written into the config file
itself, beside the `$include`, where it wins. What cannot be had that way is refused as a whole.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield._files import PRIVATE_FILE, atomic_write
from jackfield.config.document import Document, same
from jackfield.config.host import ABSENT, find
from jackfield.config.include import Includes, holds_include, read_regular
from jackfield.config.json5 import Limits, too_large
from jackfield.config.settings import INCLUDE, Settings, read_settings
from jackfield.config.shape import check_config
from jackfield.config.values import put
from jackfield.diagnostics import Diagnostic, format_path
from jackfield.errors import ConfigError
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from jackfield.config.include import IncludedFile, TakenIn

LOCK_TIMEOUT_S = 10.0
BACKUPS = 5
"""How many earlier versions of the config file are kept beside it."""

# What people write for `${NAME}`. A name must end like that of a credential's variable, for a message repeats it.
_VARIABLE = re.compile(
    r"(?:\$|%|env:|\$env:)?(?P<name>(?:[A-Z][A-Z0-9]*_)+(?:KEY|TOKEN|SECRET|PASSWORD|PAT))%?"
    r"|\$\{(?P<lower>(?:[a-zA-Z][a-zA-Z0-9]*_)+(?:key|token|secret|password|pat))\}"
)

OURS: tuple[tuple[str, ...], ...] = (
    ("models",),
    ("agents", "defaults", "models"),
    ("agents", "defaults", "model"),
    ("auth",),
    ("plugins",),
    ("voice",),
)
"""The parts of a config file that are ours; the rest is other programs' and is not judged."""


@record
class Change:
    """One leaf to write: the path and the new value, `None` as value meaning "remove"."""

    path: tuple[str, ...]
    value: object


@record
class LoadedConfig:
    """A config file as read.

    Attributes:
        path: the file.
        exists: whether it was there; a missing file reads as an empty config.
        document: its text; its value is merged over what included files say.
        settings: our part of that value, typed.
        diagnostics: every fault, each with line and column in the file; that of an included file is told at the
            `$include` that took it in, and its message names the place.
        includes: the files that were taken in.
    """

    path: Path
    exists: bool
    document: Document
    settings: Settings
    diagnostics: tuple[Diagnostic, ...]
    includes: tuple[IncludedFile, ...] = ()

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The faults that stop the file from being used."""
        return tuple(each for each in self.diagnostics if each.severity == "error")

    def placed(self, fault: Diagnostic) -> Diagnostic:
        """Return a fault of the value with its line and column, as those in `diagnostics` have them."""
        return self.document.taken.placed(fault) if self.document.taken else _placed(self.document, fault)

    def require_valid(self) -> None:
        """Raise `ConfigError` (`config.invalid`) with all faults when there is an error."""
        if self.errors:
            raise invalid_config(self.path, self.errors)


def load_config(path: Path, *, named: Path | None = None) -> LoadedConfig:
    """Read and check the config file at `path`, and the files that it takes in.

    Args:
        path: the file; one of no bytes reads as an empty config, as one that is not there does.
        named: the name by which the user knows it, where `path` is what a link of that name leads to; what the file
            takes in is found from there.

    Raises:
        ConfigError: `config.syntax`, `config.encoding`, `config.too-deep` or `config.too-large` when it is not JSON5
            of a bearable size, `config.unreadable` when it cannot be read. Wrong values do not raise here: see
            `LoadedConfig.diagnostics` and `require_valid`. Nor do files that cannot be taken in: `config.include-*`.
    """
    source = _read(path)
    # A file without any content is what `touch` leaves; one that has some, such as a comment, must have a value.
    document = Document.parse(source, name=str(path)) if source else Document.empty()
    if holds_include(document.own):
        document = document.taking_in(Includes(named or path, _leads_to_ours).take_in)
    taken = document.taken
    return LoadedConfig(
        path=path,
        exists=source is not None,
        document=document,
        settings=read_settings(document.value),
        diagnostics=tuple(_faults(document, taken)),
        includes=taken.files if taken else (),
    )


def _faults(document: Document, taken: TakenIn | None) -> Iterator[Diagnostic]:
    for each in (*document.duplicates, *(taken.repeated() if taken else ())):
        path = each.path[:-1] if each.path[-1] == INCLUDE else each.path
        if _leads_to_ours(path):
            # Which of two settings its writer meant is not known, so a repeated key in our part is an error.
            yield replace(each, severity="error")
    yield from taken.faults if taken else ()
    for each in check_config(document.value):
        if _leads_to_ours(each.path):
            yield taken.placed(each) if taken else _placed(document, each)
    for each in _unmarked_variables(read_settings(document.value)):
        yield taken.placed(each) if taken else _placed(document, each)


def _unmarked_variables(settings: Settings) -> Iterator[Diagnostic]:
    """Yield a warning for each key that is a variable's name: what is no `${NAME}` is sent as it stands."""
    for entry in settings.providers:
        found = _VARIABLE.fullmatch(entry.api_key or "")
        if found is not None:
            message = "is the name of a variable, but is sent as the key itself"
            hint = f"For the variable's value write ${{{(found['name'] or found['lower']).upper()}}}."
            path = (*entry.path, "apiKey")
            yield Diagnostic("config.unmarked-variable", message, "warning", path, "config", hint)


def write_config(path: Path, text: str) -> None:
    """Write the config file whole, keeping what was there as `.bak`, `.bak.1` ... `.bak.4`, all private.

    The caller holds the lock. A new file is private (0600); an old one keeps its mode.

    Raises:
        OSError: the file is as it was.
    """
    old = _read(path)
    # After a write that failed the newest backup has this content already: trying again must not push out the others.
    if old is not None and _read(_backup(path, 0)) != old:
        fresh = path.with_name(f"{path.name}.bak.new")
        atomic_write(fresh, old)
        _rotate_backups(path)
        fresh.replace(_backup(path, 0))
    atomic_write(path, text.encode(), _mode(path))


def _rotate_backups(path: Path) -> None:
    for number in range(BACKUPS - 1, 0, -1):
        newer = _backup(path, number - 1)
        if newer.exists():
            newer.replace(_backup(path, number))


def _backup(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.bak" + (f".{number}" if number else ""))


def apply_changes(document: Document, changes: Iterable[Change]) -> Document:
    """Return `document` with `changes` made, in order.

    An object that takes the place of an object is written field by field, so that the comments within it stay. Where
    the document takes in other files, what they say already is not written again: of a list, the rest that follows
    theirs is.

    Raises:
        ConfigError: `config.included` when the value would not be what `changes` say all the same, because of what an
            included file says there; the diagnostics name every such place. Otherwise as `Document.set`.
    """
    if document.taken is not None:
        return _apply_beside_included(document, tuple(changes))
    for change in changes:
        document = set_leaf(document, change.path, change.value)
    return document


def set_leaf(document: Document, path: tuple[str, ...], value: object) -> Document:
    """Return `document` with the leaf at `path` of its own text set, or removed when `value` is None.

    Raises what `Document.set` and `Document.delete` raise.
    """
    return document.delete(path) if value is None else _set(document, path, value)


def _apply_beside_included(document: Document, changes: Sequence[Change]) -> Document:
    wanted = document.value
    for change in changes:
        if isinstance(wanted, dict) and (change.value is not None or find(wanted, change.path) is not ABSENT):
            wanted = put(wanted, change.path, change.value) if change.path else change.value
        found = find(document.value, change.path)
        if found is ABSENT or change.value is None or not same(found, change.value):
            document = set_leaf(document, change.path, _own_part(document, change.path, change.value))
    paths = dict.fromkeys(change.path for change in changes)
    lost = [path for path in paths if not _agree(find(document.value, path), find(wanted, path))]
    if lost:
        raise _included_error(document, lost)
    return document


def _own_part(document: Document, path: tuple[str, ...], value: object) -> object:
    """Return what the text itself has to say at `path` for the whole to say `value`."""
    own = find(document.own, path)
    if isinstance(value, dict) and isinstance(own, dict):
        return _with_includes(value, own)
    return _own_items(document, path, value, own) if isinstance(value, list) else value


def _with_includes(value: dict[str, object], own: dict[str, object]) -> dict[str, object]:
    """Return `value` with every `$include` that stands in `own`: they are the user's, and stay."""
    kept = {INCLUDE: own[INCLUDE]} if INCLUDE in own else {}
    for key, item in value.items():
        inner = own.get(key)
        kept[key] = _with_includes(item, inner) if isinstance(item, dict) and isinstance(inner, dict) else item
    return kept


def _own_items(document: Document, path: tuple[str, ...], value: list[object], own: object) -> object:
    """Return what of a list the text itself has to hold; None when nothing."""
    if isinstance(own, dict) and INCLUDE in own:
        return own  # the list is that of an included file, and a list cannot stand beside `$include`
    below, now = find(document.delete(path).value, path), find(document.value, path)
    known = len(below) if isinstance(below, list) else 0
    left = value[known:]
    if not left and known:
        return None
    if isinstance(own, list) and isinstance(now, list):
        # An element that takes in a file is written as it stands, and not as what it reads as.
        rest = list(zip(own, now[known:], strict=True))
        for place, item in enumerate(left):
            found = next((index for index, (_, reads) in enumerate(rest) if same(reads, item)), None)
            if found is not None:
                left[place] = rest.pop(found)[0]
    return left


def _agree(one: object, other: object) -> bool:
    return one is other if one is ABSENT or other is ABSENT else same(one, other)


def _included_error(document: Document, paths: Sequence[tuple[str, ...]]) -> ConfigError:
    faults = []
    for path in paths:
        places = document.taken.origins(path) if document.taken else ()
        message = f"stands in {' and '.join(places) or 'an included file'}, which is never written from here"
        line, column = document.locate(path) or (None, None)
        hint = "Change it there by hand, or move it into the config file."
        faults.append(Diagnostic("config.included", message, "error", path, "config", hint, line=line, column=column))
    first, count = faults[0], f"{len(faults)} settings stand in included files, which are never written from here"
    told = f"{format_path(first.path)} {first.message}" if len(faults) == 1 else count
    return ConfigError(f"{told}; nothing was changed.", code="config.included", fix=first.hint, diagnostics=faults)


def _set(document: Document, path: tuple[str, ...], value: object) -> Document:
    before = document.get(path)
    if not (isinstance(before, dict) and before and isinstance(value, dict)):
        return document.set(path, value)
    for name in before:
        if name not in value:
            document = document.delete((*path, name))
    for name, inner in value.items():
        document = _set(document, (*path, name), inner)
    return document


def invalid_config(path: Path, errors: Sequence[Diagnostic]) -> ConfigError:
    """Return the error that tells all faults of a config file at once."""
    count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
    return ConfigError(
        f"{path} has {count}; nothing was written.",
        code="config.invalid",
        fix="Mend the places named, then check with: jackfield config validate",
        diagnostics=errors,
    )


def _read(path: Path) -> bytes | None:
    limits = Limits()
    try:
        data, _ = read_regular(path, limits.size + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror or error}."
        raise ConfigError(message, code="config.unreadable", fix="Check that it is a file you may read.") from error
    if len(data) > limits.size:
        raise too_large(str(path), limits)
    return data


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777 if path.exists() else PRIVATE_FILE


def _leads_to_ours(path: tuple[str, ...]) -> bool:
    """Tell whether `path` is in our part, or of an object around it; an included file can hold all of it."""
    return any(path[: len(part)] == part[: len(path)] for part in OURS)


def _placed(document: Document, fault: Diagnostic) -> Diagnostic:
    """Give a fault the line and column of the key it is about."""
    place = document.locate(fault.path)
    return replace(fault, line=place[0], column=place[1]) if place else fault
