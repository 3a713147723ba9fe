"""What a source holds: credentials and settings, each with the place where it stands, and what is wrong with files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from jackfield.records import record

if TYPE_CHECKING:
    from pathlib import Path

    from jackfield.credentials.legacy import LegacyEntry
    from jackfield.diagnostics import Diagnostic

Kind = Literal["field", "model", "default", "fallbacks", "order", "none"]


@record
class Setting:
    """One setting of another program, or what stands in a setting's place.

    Attributes:
        file: where it stands.
        name: what the file calls it, fit to be shown.
        kind: `field` (of a provider's entry), `model` (an entry of the list of models), `default` and `fallbacks`
            (model refs), `order` (of a provider's profiles), `none` (nothing to write; `fault` or `kept` says why).
        provider: the provider's name in canonical spelling; it need not be one that is known here.
        key: the field's name, or the model's id.
        value: the value as the file has it, in plain values; it may be a secret.
        fault: the end of a sentence that begins with "It", when it cannot be brought over.
        kept: a sentence that says why nothing needs to be written.
    """

    file: str
    name: str
    kind: Kind = "none"
    provider: str = ""
    key: str = ""
    value: object = None
    fault: str | None = None
    kept: str | None = None

    def __repr__(self) -> str:
        return f"Setting(file={self.file!r}, name={self.name!r}, kind={self.kind!r})"


@record
class Found:
    """What a source holds.

    Attributes:
        source: its name, as the command line has it.
        place: the folder or file, as text; what stands for the environment is `the environment`.
        files: the files that were read, relative to the folder.
        entries: credentials.
        settings: everything else.
        diagnostics: what is wrong with files: codes `import.*`, and `config.*` of files that are read as a config.
        lists_models: whether the models among the settings are all that the other program may use. Then a list that
            begins with them allows no less than there was before.
    """

    source: str
    place: str
    files: tuple[str, ...] = ()
    entries: tuple[LegacyEntry, ...] = ()
    settings: tuple[Setting, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    lists_models: bool = False


def located(folder: Path | None, file: str) -> str:
    """Return a file as a message names it: with its folder when there is one."""
    return str(folder / file) if folder is not None else file
