"""G19: what a user set by hand stays; what an earlier login wrote, or what is not there yet, is written unasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.config.guard.findings import Planned
from jackfield.config.host import ABSENT, find
from jackfield.config.settings import INCLUDE
from jackfield.config.values import same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jackfield.config.guard.findings import Findings, Path

Model = dict[str, object]


class Merger:
    """Lays new leaves over the config there is.

    Args:
        current: the config, plain values.
        written: what earlier logins wrote, by path.
        findings: where conflicts are noted; `planned` takes the leaves.
    """

    def __init__(self, current: Mapping[str, object], written: Mapping[Path, object], findings: Findings) -> None:
        self.current = current
        self.written = written
        self.findings = findings
        self.planned: list[Planned] = []

    def leaf(self, path: Path, value: object, consents: tuple[str, ...] = ()) -> tuple[str, ...] | None:
        """Plan one leaf; returns the consents that it waits for, or None when it cannot be written at all."""
        before = find(self.current, path)
        if same(before, value):
            return consents
        way = self._way_to(path)
        if way is None:
            return None
        needed = _union(consents, way)
        if before is not ABSENT and not self._was_written(path, before):
            needed = _union(needed, self._conflict(path))
        self.planned.append(Planned(path, value, needed, before))
        return needed

    def spread(self, path: Path, value: object, consents: tuple[str, ...] = ()) -> None:
        """Plan an object field by field where there is one already: fields that the patch does not name stay."""
        before = find(self.current, path)
        if not isinstance(before, dict) or not isinstance(value, dict):
            self.leaf(path, value, consents)
            return
        for name, inner in value.items():
            self.leaf((*path, name), inner, consents)

    def model_list(self, path: Path, fresh: list[Model], consents: tuple[str, ...] = ()) -> None:
        """Plan a list of models: those there are keep their place and what was set in them by hand, new ones follow."""
        before = find(self.current, path)
        if not isinstance(before, list):
            self.leaf(path, fresh, consents)
            return
        gentle, whole = _merge_models(before, fresh, _by_id(self.written.get(path)))
        if same(whole, before):
            return
        way = self._way_to(path)
        if way is None:
            return
        needed = _union(consents, way)
        if same(gentle, whole):
            self.planned.append(Planned(path, whole, needed, before))
            return
        instead = ABSENT if same(gentle, before) else gentle
        asked = _union(needed, self._conflict(path))
        self.planned.append(Planned(path, whole, asked, before, instead, needed))

    def _was_written(self, path: Path, before: object) -> bool:
        own = self.written.get(path, ABSENT)
        if own is ABSENT:
            own = find(self.written.get(path[:-1]), path[-1:])
        return same(own, before)

    def _way_to(self, path: Path) -> tuple[str, ...] | None:
        """Return what a leaf waits for because of the objects around it; None when one of them is no object.

        An object on the way may take in another file: what that one sets is not known here, so that is asked about.
        """
        step: object = self.current
        including: Path | None = None
        for depth, key in enumerate(path):
            if not isinstance(step, dict):
                message = "The config has something else than an object here, which stays as it is."
                hint = "Make it an object, or remove it."
                self.findings.report("G19", "patch.blocked", path[:depth], message, hint)
                return None
            if INCLUDE in step and including is None:
                including = path[:depth]
            if key not in step:
                break
            step = step[key]
        if including is None:
            return ()
        question = "This object takes in another file, whose settings may be hidden. Write into it all the same?"
        return self.findings.ask("include", including, question)

    def _conflict(self, path: Path) -> tuple[str, ...]:
        message = "This was set by hand and stays as it is unless you agree."
        hint = "Agree with --accept overwrite."
        self.findings.report("G19", "patch.conflict", path, message, hint)
        return self.findings.ask("overwrite", path, "This was set by hand. Overwrite it?")


def _union(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return (*one, *[code for code in other if code not in one]) if other else one


def _by_id(models: object) -> dict[str, object]:
    items = models if isinstance(models, list) else []
    return {each["id"]: each for each in items if isinstance(each, dict) and isinstance(each.get("id"), str)}


def _merge_models(
    before: list[object], fresh: list[Model], ours: Mapping[str, object]
) -> tuple[list[object], list[object]]:
    """Return the merged list twice: with the user's fields kept, and with the patch's fields over them."""
    left = {str(each["id"]): each for each in fresh}
    gentle: list[object] = []
    whole: list[object] = []
    for item in before:
        name = item.get("id") if isinstance(item, dict) else None
        new = left.pop(name, None) if isinstance(name, str) else None
        if not isinstance(item, dict) or new is None:
            gentle.append(item)
            whole.append(item)
            continue
        merged = {**item, **new}
        known = ours.get(str(name), ABSENT)
        gentle.append(merged if same(known, item) else {**merged, **item})
        whole.append(merged)
    return [*gentle, *left.values()], [*whole, *left.values()]
