"""What comes back from an authorization page: by the browser, or pasted by the user. Pure.

What is not the answer to the request that was sent is refused with a sentence that does not repeat it: it may hold a
code, and whoever made up the rest chose the words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from jackfield.auth.pkce import is_state
from jackfield.credentials.secret import Secret
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_LENGTH = 16_384
_MAX_FIELDS = 32
# RFC 6749, appendix A.11 and A.7.
_CODE = re.compile(r"[\x20-\x7e]{1,8192}")
_ERROR = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,128}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_WRAPPERS = {'"': '"', "'": "'", "`": "`", "<": ">", "(": ")"}


@record
class Asked:
    """The authorization request whose answer is waited for.

    Attributes:
        redirect_uri: where the browser is sent, exactly.
        state: what must come back with it.
        page: the address of the authorization page, without its query.
        code_alone: whether the vendor shows users a code and nothing else.
    """

    redirect_uri: str
    state: str
    page: str = ""
    code_alone: bool = False


@record
class Returned:
    """The answer to an authorization request: a code, or an error of RFC 6749, section 4.1.2.1, with a description."""

    code: Secret | None = None
    error: str | None = None
    description: str = ""


def read_query(query: str, state: str) -> Returned:
    """Return the answer in a redirect's query.

    Raises:
        ValueError: it is not the answer to the request with this state, in one sentence.
    """
    fields = _fields(query)
    given = fields.get("state", "")
    if not given:
        raise ValueError("The state is missing. Paste the whole address that you were sent to.")
    if not is_state(state, given):
        raise ValueError("That belongs to another sign-in. Use the page that this one opened.")
    error = fields.get("error")
    if error is not None:
        return Returned(
            error=error if _ERROR.fullmatch(error) else "error", description=fields.get("error_description", "")
        )
    return Returned(_code(fields.get("code", "")))


def read_paste(text: str, asked: Asked) -> Returned:
    """Return the answer that a user pasted: the whole address, its query, or (where the vendor shows that) the code.

    Raises:
        ValueError: it is no answer to this request, in one sentence that does not repeat it.
    """
    text = _unwrapped(text)
    if not text:
        raise ValueError("Paste the address that you were sent to.")
    if len(text) > _MAX_LENGTH:
        raise ValueError("That is longer than any address. Paste the address that you were sent to, and nothing else.")
    bare = asked.redirect_uri.partition("://")[2]
    if not _SCHEME.match(text) and text.startswith(bare):
        # Browsers leave the scheme out of the address that they show.
        text = f"{asked.redirect_uri.partition('://')[0]}://{text}"
    if _SCHEME.match(text):
        return read_query(_query_of(text, asked), asked.state)
    code, mark, state = text.partition("#")
    if "=" in text and (not mark or "=" in code):
        return read_query(text.removeprefix("?"), asked.state)
    if mark and state:
        # Some vendors' pages show the two with a hash between them.
        if not is_state(asked.state, state):
            raise ValueError("That belongs to another sign-in. Use the page that this one opened.")
        return Returned(_code(code))
    if not asked.code_alone:
        raise ValueError("That is a code alone. Paste the whole address that you were sent to, with code and state.")
    return Returned(_code(code))


def _query_of(text: str, asked: Asked) -> str:
    """Return the query of an address, which must be the one that the browser is sent to."""
    try:
        parts, wanted = urlsplit(text), urlsplit(asked.redirect_uri)
    except ValueError:
        raise ValueError("That is no address. Paste the address that you were sent to.") from None
    place = (parts.scheme.lower(), parts.netloc.lower(), parts.path)
    if place == (wanted.scheme, wanted.netloc.lower(), wanted.path):
        return parts.query
    if asked.page and text.partition("?")[0] == asked.page:
        raise ValueError("That is the sign-in page itself. Sign in there, then paste the address that you are sent to.")
    raise ValueError(f"That is another page's address. The one to paste begins with {asked.redirect_uri}")


def _fields(query: str) -> Mapping[str, str]:
    try:
        found = parse_qs(query, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise ValueError("That has too many parts. Paste the address that you were sent to.") from None
    # RFC 6749, section 3.1: a parameter stands once.
    if any(len(values) > 1 for values in found.values()):
        raise ValueError("A part of that stands there twice. Paste the address again, once.")
    return {name: values[0] for name, values in found.items()}


def _code(text: str) -> Secret:
    if not text.strip():
        raise ValueError("There is no code in that. Paste the whole address that you were sent to.")
    if not _CODE.fullmatch(text) or " " in text:
        raise ValueError("The code in that is damaged. Paste the address again.")
    return Secret(text)


def _unwrapped(text: str) -> str:
    """Return a paste without the quotes around it and the line breaks that a terminal put in."""
    text = "".join(text.split())
    if len(text) > 1 and _WRAPPERS.get(text[0]) == text[-1]:
        text = text[1:-1]
    return text
