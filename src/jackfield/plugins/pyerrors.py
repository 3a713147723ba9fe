"""The errors that only the code of a plugin sees."""

from __future__ import annotations

from jackfield.errors import CancelledError


class WizardCancelledError(CancelledError):
    """The user ended the login; raised by the prompt that was open, and by every one after it."""
