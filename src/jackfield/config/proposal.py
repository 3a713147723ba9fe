"""What a plugin's login returned, read from its own text."""

from __future__ import annotations

from jackfield.config.guard.findings import refusal_diagnostics
from jackfield.config.guard.intake import RefusedError, take_in
from jackfield.errors import RequestError


def read_proposal(text: bytes | str, *, owner: str) -> dict[str, object]:
    """Return the object in `text` (JSON) as plain values, by rule G1 of the gate.

    What it asks for is judged later, by `plan_login`.

    Args:
        text: `{"profiles", "configPatch"?, "defaultModel"?, "notes"?}`.
        owner: who returned it, such as `plugin:acme`.

    Raises:
        RequestError: `login.refused`, with a diagnostic, when it is too large, too deep, no JSON or no object.
    """
    try:
        value = take_in(text)
    except RefusedError as error:
        found = refusal_diagnostics([error.refusal], owner)
        message = f"What the login of {owner} returned was refused: {error.refusal.message}"
        raise RequestError(message, code="login.refused", diagnostics=found) from None
    if not isinstance(value, dict):
        raise RequestError(f"What the login of {owner} returned is not an object.", code="login.refused")
    return value
