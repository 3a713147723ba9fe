"""What comes back from an authorization page, by the browser and by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jackfield.auth.redirect import Asked, Returned, read_paste, read_query
from jackfield.credentials.secret import Secret

STATE = "state-0123456789abcdefghijklmnopqrstuvwxyz_"
CODE = "code-Zq7.Xk2_Lw9~4%2F"
ASKED = Asked("http://localhost:1455/auth/callback", STATE, "https://auth.example.test/oauth/authorize")
LENIENT = Asked(
    "http://localhost:1455/auth/callback", STATE, "https://auth.example.test/oauth/authorize", code_alone=True
)
GOOD = f"http://localhost:1455/auth/callback?code=abc-123&state={STATE}"
RIGHT = Returned(Secret("abc-123"))

ANOTHER = "That belongs to another sign-in. Use the page that this one opened."
FOREIGN = "That is another page's address. The one to paste begins with http://localhost:1455/auth/callback"
ALONE = "That is a code alone. Paste the whole address that you were sent to, with code and state."
NO_STATE = "The state is missing. Paste the whole address that you were sent to."
NO_CODE = "There is no code in that. Paste the whole address that you were sent to."
TWICE = "A part of that stands there twice. Paste the address again, once."
DAMAGED = "The code in that is damaged. Paste the address again."

TAKEN = {
    "the whole address": GOOD,
    "parts in another order": f"http://localhost:1455/auth/callback?state={STATE}&code=abc-123",
    "with parts of the vendor's own": f"{GOOD}&scope=openid+email&iss=x",
    "with a fragment": f"{GOOD}#_=_",
    "with white space around": f"  {GOOD}\r\n",
    "wrapped by a terminal": GOOD.replace("&", "\n  &"),
    "in quotes": f'"{GOOD}"',
    "in brackets": f"<{GOOD}>",
    "in backticks": f"`{GOOD}`",
    "without its scheme": GOOD.removeprefix("http://"),
    "the host in capitals": GOOD.replace("localhost", "LOCALHOST"),
    "the query alone": f"code=abc-123&state={STATE}",
    "the query with its mark": f"?code=abc-123&state={STATE}",
    "code and state with a hash": f"abc-123#{STATE}",
}

# Nothing of these may ever lead to an exchange.
REFUSED = {
    "nothing": ("", "Paste the address that you were sent to."),
    "white space": (" \n\t ", "Paste the address that you were sent to."),
    "a code alone": ("abc-123", ALONE),
    "a word": ("yes", ALONE),
    "a code with a broken hash": ("abc-123#", ALONE),
    "a code with another state": ("abc-123#other", ANOTHER),
    "no state": ("http://localhost:1455/auth/callback?code=abc-123", NO_STATE),
    "an empty state": ("http://localhost:1455/auth/callback?code=abc-123&state=", NO_STATE),
    "another state": ("http://localhost:1455/auth/callback?code=abc-123&state=other", ANOTHER),
    "the state in capitals": (f"code=abc-123&state={STATE.upper()}", ANOTHER),
    "the start of the state": (f"code=abc-123&state={STATE[:-1]}", ANOTHER),
    "more than the state": (f"code=abc-123&state={STATE}x", ANOTHER),
    "an error with another state": ("error=access_denied&state=other", ANOTHER),
    "an error without a state": ("error=access_denied", NO_STATE),
    "two codes": (f"code=a&code=b&state={STATE}", TWICE),
    "two states": (f"code=a&state={STATE}&state=other", TWICE),
    "no code": (f"http://localhost:1455/auth/callback?state={STATE}", NO_CODE),
    "an empty code": (f"code=&state={STATE}", NO_CODE),
    "a code with a line break": (f"code=a%0Ab&state={STATE}", DAMAGED),
    "a code with a space": (f"code=a%20b&state={STATE}", DAMAGED),
    "a code outside ASCII": (f"code=%C3%BC&state={STATE}", DAMAGED),
    "another provider's address": (f"https://evil.example/auth/callback?code=abc-123&state={STATE}", FOREIGN),
    "another port": (GOOD.replace("1455", "1456"), FOREIGN),
    "no port": (GOOD.replace(":1455", ""), FOREIGN),
    "another path": (GOOD.replace("/callback", "/callback/"), FOREIGN),
    "a path below": (GOOD.replace("/callback", "/callback/../callback"), FOREIGN),
    "https": (GOOD.replace("http:", "https:"), FOREIGN),
    "another loopback name": (GOOD.replace("localhost", "127.0.0.1"), FOREIGN),
    "a user in the address": (GOOD.replace("localhost", "localhost@evil.example"), FOREIGN),
    "the redirect in a foreign query": (f"https://evil.example/?u={GOOD}", FOREIGN),
    "a script": (f"javascript://localhost:1455/auth/callback?code=abc-123&state={STATE}", FOREIGN),
    "no address": ("http://[::1/?code=a", "That is no address. Paste the address that you were sent to."),
    "the sign-in page": (
        f"https://auth.example.test/oauth/authorize?client_id=x&state={STATE}&code_challenge=y",
        "That is the sign-in page itself. Sign in there, then paste the address that you are sent to.",
    ),
    "too many parts": (
        "&".join(f"a{each}=1" for each in range(40)),
        "That has too many parts. Paste the address that you were sent to.",
    ),
    "a whole page": (
        "a" * 20_000,
        "That is longer than any address. Paste the address that you were sent to, and nothing else.",
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_the_answer_is_taken_in_every_form_that_people_copy_it_in(name: str) -> None:
    assert read_paste(TAKEN[name], ASKED) == RIGHT
    assert read_paste(TAKEN[name], LENIENT) == RIGHT


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_the_answer_is_refused_with_a_reason_that_does_not_repeat_it(name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(ValueError, match=r".+") as caught:
        read_paste(text, ASKED)
    assert str(caught.value) == reason
    assert "abc-123" not in str(caught.value)
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name, (_, reason) in REFUSED.items() if reason != ALONE])
def test_a_vendor_that_shows_a_code_alone_loosens_nothing_else(name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(ValueError, match=r".+") as caught:
        read_paste(text, LENIENT)
    assert str(caught.value) == reason


def test_a_code_alone_is_taken_where_the_vendor_shows_nothing_else() -> None:
    assert read_paste(" abc-123 ", LENIENT) == RIGHT
    assert read_paste("`abc-123`", LENIENT) == RIGHT


def test_escaped_characters_of_a_code_are_read() -> None:
    assert read_query(f"code={CODE}&state={STATE}", STATE) == Returned(Secret("code-Zq7.Xk2_Lw9~4/"))


@pytest.mark.parametrize(
    ("query", "returned"),
    [
        ("error=access_denied", Returned(error="access_denied")),
        ("error=server_error&error_description=Try+later", Returned(error="server_error", description="Try later")),
        ("error=", Returned(error="error")),
        ("error=a%0Ab", Returned(error="error")),
        ("error=access_denied&code=abc", Returned(error="access_denied")),
    ],
)
def test_an_error_with_the_right_state_is_an_answer_too(query: str, returned: Returned) -> None:
    assert read_query(f"{query}&state={STATE}", STATE) == returned


@given(st.text(max_size=200))
def test_nothing_but_the_state_itself_opens_the_door(text: str) -> None:
    try:
        read_paste(text, ASKED)
    except ValueError as error:
        assert str(error).endswith((".", "callback"))  # noqa: PT017 - most texts are refused, and that is fine
    else:
        assert STATE in text


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_state_that_is_not_the_one_sent_is_never_taken(code: str, state: str) -> None:
    from urllib.parse import urlencode

    with pytest.raises(ValueError, match=r".+"):
        read_query(urlencode({"code": code.replace("\ud800", ""), "state": f"x{state}"}, errors="replace"), STATE)
