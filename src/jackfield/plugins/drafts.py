"""A block of a plugin while it is being built: its data, its methods, and what is wrong with them.

What is read here holds for both ways to describe a provider. Texts are shown on terminals, so they are cleaned; sizes
are bounded before anything is done with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.config.guard.doors import clean_note
from jackfield.diagnostics import Diagnostic
from jackfield.errors import BlockError
from jackfield.ids import canonical_id, is_id
from jackfield.providers.block import EnvVars, Provider

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jackfield.diagnostics import Severity
    from jackfield.providers.parts import Part

Path = tuple[str, ...]
Data = dict[str, object]

MAX_FAULTS = 100
MAX_ID = 64
MAX_LABEL = 120
MAX_METHODS = 32
MAX_MODELS = 2_000
MAX_NAMES = 64
MAX_TEXT = 2_000
MAX_URL = 2_048

INVALID = "plugin.provider-invalid"


class Draft:
    """A block that is being built.

    Attributes:
        plugin_id, index: whose registration it is, and its place among them.
        data: the block's fields but `auth`, for `Provider.from_dict`; None when there is no block to be had.
        methods: the data of each method, and its place in the plugin's own list (None: core carries it out).
        formats_api_key, refreshes: the plugin has a function for it.
        faults: what is wrong; past a number that people read, only that there is more.
    """

    def __init__(self, plugin_id: str, index: int) -> None:
        self.plugin_id = plugin_id
        self.index = index
        self.data: Data | None = None
        self.methods: list[tuple[Data, int | None]] = []
        self.formats_api_key = False
        self.refreshes = False
        self.faults: list[Diagnostic] = []

    @property
    def id(self) -> str:
        """The provider's id; empty when there is no block."""
        return str(self.data["id"]) if self.data else ""

    def report(self, path: Path, message: str, severity: Severity = "warning", code: str = INVALID) -> None:
        """Note a fault at `path` within the registration."""
        if len(self.faults) == MAX_FAULTS:
            path, message, severity = (), "There are more faults, which are not told.", "warning"
        elif len(self.faults) > MAX_FAULTS:
            return
        place = ("providers", f"[{self.index}]", *path)
        self.faults.append(Diagnostic(code, message, severity, place, f"plugin:{self.plugin_id}"))

    def refuse(self, path: Path, message: str, code: str = INVALID) -> None:
        """Note a fault that leaves the whole provider out."""
        self.report(path, message, "error", code)
        self.data = None
        self.methods = []

    def text(self, value: object, path: Path, limit: int = MAX_LABEL) -> str | None:
        """Return text as it may be shown on one line; None when there is none."""
        if value is None:
            return None
        if not isinstance(value, str):
            self.report(path, "This must be text; it is left out.")
            return None
        return shown(value, limit) or None

    def items(self, value: object, path: Path, limit: int) -> Sequence[object]:
        """Return a list, cut to its limit; an empty one in the place of anything else."""
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)):
            self.report(path, "This must be a list; it is left out.")
            return ()
        if len(value) > limit:
            self.report(path, f"At most {limit} are taken; {len(value) - limit} are left out.")
        return value[:limit]


def shown(text: str, limit: int = MAX_LABEL) -> str:
    """Return `text` as one line of at most `limit` characters, without control, ANSI and direction characters."""
    line = " ".join(clean_note(text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def read_provider_id(draft: Draft, value: object) -> str | None:
    """Return the canonical id of a provider, reporting one that cannot be."""
    name = canonical_id(value) if isinstance(value, str) and len(value) <= 4 * MAX_ID else ""
    if is_id(name):
        return name
    blank = value is None or (isinstance(value, str) and not value.strip())
    message = (
        "provider registration missing id"
        if blank
        else "The provider's id is not one: 1 to 64 of a-z 0-9 . - _ with a letter or digit at both ends."
    )
    draft.refuse(("id",), message, "plugin.provider-id")
    return None


def read_aliases(draft: Draft, value: object, provider_id: str) -> list[str]:
    """Return the names in a list that can be aliases, canonical, none of them twice or the id itself."""
    found: list[str] = []
    for place, each in enumerate(draft.items(value, ("aliases",), MAX_NAMES)):
        name = canonical_id(each) if isinstance(each, str) and len(each) <= 4 * MAX_ID else ""
        if not is_id(name):
            draft.report(("aliases", f"[{place}]"), "This is no name for a provider; it is left out.")
        elif name != provider_id and name not in found:
            found.append(name)
    return found


def read_variables(draft: Draft, value: object, path: Path) -> list[str]:
    """Return the names in a list that can be environment variables, none of them twice."""
    found: list[str] = []
    for place, each in enumerate(draft.items(value, path, MAX_NAMES)):
        name = each.strip() if isinstance(each, str) and len(each) <= MAX_URL else each
        if not fits(EnvVars, {"any_of": [name]}):
            # It is not repeated: it may be a key in the wrong place.
            draft.report((*path, f"[{place}]"), "This is no variable's name (A-Z, 0-9, _); it is left out.")
        elif name not in found:
            found.append(str(name))
    return found


def read_base_url(draft: Draft, value: object, path: Path) -> str | None:
    """Return a base URL, None when there is none or it is not one."""
    if value is None or value == "":
        return None
    sample = {"id": "x", "label": "x", "base_url": value}
    if isinstance(value, str) and len(value) <= MAX_URL and value.isprintable() and fits(Provider, sample):
        return value
    draft.report(path, "This must be an http or https URL; it is left out.")
    return None


def fits(part: type[Part], data: Data) -> bool:
    """Tell whether a part of a block can be built from `data`: so its rules stand in one place."""
    try:
        part.from_dict(data)
    except BlockError:
        return False
    return True
