"""The errors this package raises, as one tree.

::

    JackfieldError                      base: a stable code, a plain sentence, the fix
    ├── InternalError                   ours: a broken promise of this package
    ├── RequestError                    the caller's: what was asked for cannot be
    │   ├── UnknownNameError            no provider, method, view or profile of that name
    │   ├── NeedsTerminalError          a question, and nobody to ask
    │   ├── AnswerError                 a scripted answer that does not fit its prompt
    │   └── CancelledError              the user said no, or pressed Ctrl-C
    ├── ConfigError                     the config file: unreadable, wrong, or changed meanwhile
    ├── StoreError                      the credential store: unreadable, newer, locked
    ├── RegistrationError               a block that cannot be registered
    │   └── BlockError                  a block whose fields are wrong
    ├── PluginError                     a plugin that failed, hung or broke its contract
    ├── CredentialError                 no usable credential, or one that was refused
    └── RemoteError                     the other side: unreachable, slow, or failing

Every error has a `code` that never changes once released; CLI exit statuses and JSON payloads derive from it, and
`docs/reference/errors.md` lists them all. Messages never hold a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jackfield.diagnostics import Diagnostic

EXIT_FAILED = 1
EXIT_USAGE = 2


class JackfieldError(Exception):
    """Base of all errors of this package.

    Args:
        message: one plain sentence saying what is wrong.
        code: the stable code when it is narrower than the class's own; it starts with the class's family.
        fix: what the reader can do about it, as a sentence or a command.
        diagnostics: every fault found, when there is more than one or when each has a path.
    """

    default_code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = EXIT_FAILED

    def __init__(
        self, message: str, *, code: str | None = None, fix: str | None = None, diagnostics: Iterable[Diagnostic] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.fix = fix
        self.diagnostics: Sequence[Diagnostic] = tuple(diagnostics)

    def to_dict(self) -> dict[str, object]:
        """Return `{"code", "message", "fix", "diagnostics"}`: the shape of every JSON error."""
        return {
            "code": self.code,
            "message": self.message,
            "fix": self.fix,
            "diagnostics": [diagnostic.to_dict() for diagnostic in self.diagnostics],
        }


class InternalError(JackfieldError):
    """A promise of this package is broken: a bug here, not with the caller."""

    default_code = "internal"


class RequestError(JackfieldError):
    """The caller asked for something that cannot be."""

    default_code = "request"
    exit_status = EXIT_USAGE


class UnknownNameError(RequestError, LookupError):
    """No such provider, method, view or profile; `suggestions` holds the nearest known names."""

    default_code = "unknown"

    def __init__(
        self, message: str, *, code: str | None = None, fix: str | None = None, suggestions: Iterable[str] = ()
    ) -> None:
        super().__init__(message, code=code, fix=fix)
        self.suggestions: Sequence[str] = tuple(suggestions)

    def to_dict(self) -> dict[str, object]:
        """Return the base's shape with `suggestions` added."""
        return {**super().to_dict(), "suggestions": list(self.suggestions)}


class NeedsTerminalError(RequestError):
    """A question must be asked and there is no terminal; the fix names the flag that answers it."""

    default_code = "needs-terminal"


class AnswerError(RequestError):
    """A scripted answer does not fit its prompt, or there are too few."""

    default_code = "answers"


class CancelledError(JackfieldError):
    """The user ended it; nothing was written."""

    default_code = "cancelled"
    exit_status = 130


class ConfigError(JackfieldError):
    """The config file cannot be read, has wrong values, or changed while it was being edited."""

    default_code = "config"


class StoreError(JackfieldError):
    """The credential store cannot be read or written."""

    default_code = "store"


class RegistrationError(JackfieldError):
    """A block cannot be registered; the diagnostics name every owner involved."""

    default_code = "registry"


class BlockError(RegistrationError):
    """A block is wrong in itself; the diagnostics name every field at fault."""

    default_code = "block"


class PluginError(JackfieldError):
    """A plugin failed, hung, exited or broke its contract; the message names it."""

    default_code = "plugin"


class CredentialError(JackfieldError):
    """There is no usable credential, or the provider refused it."""

    default_code = "credential"


class RemoteError(JackfieldError):
    """The other side is unreachable, too slow, or failed."""

    default_code = "remote"
