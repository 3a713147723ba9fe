"""The code flow with PKCE against an authorization server that holds it to the standards."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest

from jackfield.auth.oauth import sign_in
from jackfield.auth.prompter import NobodyPrompter
from jackfield.credentials.profile import OAuthCredential, TokenCredential
from jackfield.credentials.secret import Secret
from jackfield.errors import (
    CancelledError,
    CredentialError,
    InternalError,
    JackfieldError,
    NeedsTerminalError,
    RemoteError,
    RequestError,
)
from jackfield.providers.parts import FrozenMap
from support.oauth import Client, OAuthServer, unsigned_jwt
from support.signin import NOW, Clock, Person, Script, Visitor, acme, context, fetch, query_of, redirect_of
from unit.auth.test_loopback import free_port
from unit.auth.test_redirect import REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jackfield.auth.flows import LoginContext
    from jackfield.auth.grants import Grant


@pytest.fixture
def server() -> Iterator[OAuthServer]:
    with OAuthServer() as running:
        yield running


def run(login: LoginContext, browser: Visitor | None = None) -> Grant:
    async def main() -> Grant:
        try:
            return await sign_in(login)
        finally:
            if browser is not None:
                await browser.done()

    return asyncio.run(asyncio.wait_for(main(), 30))


def refused(login: LoginContext, browser: Visitor | None = None) -> JackfieldError:
    with pytest.raises(JackfieldError) as caught:
        run(login, browser)
    return caught.value


def grant_of(found: Grant) -> OAuthCredential:
    assert isinstance(found.credential, OAuthCredential)
    return found.credential


def token_form(server: OAuthServer) -> dict[str, str]:
    (request,) = [each for each in server.requests if each.path == "/token"]
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}


def exchanges(server: OAuthServer) -> int:
    return sum(each.path == "/token" for each in server.requests)


def test_the_browser_comes_back_and_the_code_becomes_a_grant(server: OAuthServer) -> None:
    person, browser = Person(), Visitor()

    found = run(context(acme(server), person, browser=browser, clock=lambda: NOW + 5), browser)

    credential = grant_of(found)
    assert server.is_live(credential.access.reveal())
    assert credential.refresh is not None
    assert credential.expires == NOW + 5 + 3_600_000
    assert credential.extra == {}
    assert server.faults == []
    assert (server.counts.authorized, server.counts.codes) == (1, 1)
    assert [status for status, _ in browser.pages] == [200]
    assert "You are logged in" in browser.pages[0][1]
    assert person.left_alone == 1


def test_what_goes_out_is_what_the_standards_ask_for(server: OAuthServer) -> None:
    browser = Visitor()
    block = acme(server, authorize_params=FrozenMap({"originator": "acme", "code_challenge_method": "plain"}))

    run(context(block, Person(), browser=browser), browser)

    asked, form = query_of(browser.opened[0]), token_form(server)
    assert asked == {
        "originator": "acme",
        "response_type": "code",
        "client_id": "acme-client",
        "redirect_uri": form["redirect_uri"],
        "scope": "openid acme:use",
        "state": server.states[0],
        "code_challenge": server.challenges[0],
        "code_challenge_method": "S256",
    }
    assert set(form) == {"grant_type", "code", "redirect_uri", "code_verifier", "client_id"}
    assert form["redirect_uri"].startswith("http://127.0.0.1:")
    assert 43 <= len(form["code_verifier"]) <= 128
    assert form["code_verifier"] not in asked.values()


def test_two_sign_ins_have_nothing_in_common(server: OAuthServer) -> None:
    for _ in range(2):
        browser = Visitor()
        run(context(acme(server), Person(), browser=browser), browser)
    assert len(set(server.states)) == 2
    assert len(set(server.challenges)) == 2


def test_the_listener_is_up_before_the_page_opens(server: OAuthServer) -> None:
    reached: list[int] = []

    def visit(url: str) -> list[str]:
        redirect = query_of(url)["redirect_uri"]
        reached.append(fetch(f"{redirect}?state=not-it")[0])
        return [url]

    browser = Visitor(visit=visit)
    run(context(acme(server), Person(), browser=browser), browser)
    assert reached == [400]


def test_the_vendors_fixed_redirect_is_used_to_the_letter(server: OAuthServer) -> None:
    with free_port() as port:
        redirect = f"http://localhost:{port}/auth/callback"
        server.rules.client = Client(redirects=(redirect,))
        browser = Visitor()
        run(context(acme(server, redirect_uri=redirect), Person(), browser=browser), browser)
    assert token_form(server)["redirect_uri"] == redirect
    assert server.faults == []


def test_who_has_signed_in_comes_from_the_userinfo_and_the_tokens(server: OAuthServer) -> None:
    claims = {"email": "jwt@example.org", "https://api.openai.com/auth": {"chatgpt_account_id": "acc-1"}}
    server.rules.extra = {"id_token": unsigned_jwt(claims)}
    server.rules.userinfo = {"sub": "u-1", "username": "you"}
    block = acme(
        server,
        userinfo_url=f"{server.url}/userinfo",
        account_claim=("https://api.openai.com/auth", "chatgpt_account_id"),
        needs_account=True,
    )
    browser = Visitor()

    found = run(context(block, Person(), browser=browser), browser)

    assert found.identity.names == {"email": "jwt@example.org", "username": "you"}
    assert grant_of(found).extra == {"accountId": "acc-1"}
    assert grant_of(found).email == "jwt@example.org"


def test_a_userinfo_that_fails_does_not_fail_the_login(server: OAuthServer) -> None:
    server.rules.userinfo = None
    browser = Visitor()
    found = run(context(acme(server, userinfo_url=f"{server.url}/userinfo"), Person(), browser=browser), browser)
    assert found.identity.names == {}


def test_a_grant_without_the_account_that_it_needs_is_refused(server: OAuthServer) -> None:
    browser = Visitor()
    block = acme(server, account_claim=("account",), needs_account=True)
    error = refused(context(block, Person(), browser=browser), browser)
    assert (type(error), error.code) == (CredentialError, "credential.no-account")
    assert "The login failed" in browser.pages[0][1]


def test_a_token_without_end_or_renewal_is_kept_as_one(server: OAuthServer) -> None:
    server.rules.without = ("expires_in", "refresh_token")
    browser = Visitor()
    found = run(context(acme(server), Person(), browser=browser), browser)
    assert isinstance(found.credential, TokenCredential)
    assert found.credential.expires is None


# --- pasting


def paste(make: Callable[[str], str]) -> Callable[[Person], str]:
    return lambda person: make(redirect_of(person.page))


def test_in_a_remote_session_the_address_is_pasted_without_being_asked_how(server: OAuthServer) -> None:
    person = Person(paste(lambda url: url))
    browser = Visitor(remote=True)

    found = run(context(acme(server), person, browser=browser))

    assert server.is_live(grant_of(found).access.reveal())
    assert server.faults == []
    assert person.told[0][0] == "Open this address in the browser of the computer that you sit at"
    assert [each.message for each in person.asked] == ["Or paste the address that you are sent to:"]
    assert (person.asked[0].waiting, person.asked[0].seconds) == ("Waiting for the browser to come back", 300)


def test_without_a_browser_the_address_is_shown_and_the_query_may_be_pasted(server: OAuthServer) -> None:
    person = Person(paste(lambda url: url.partition("?")[2]))
    run(context(acme(server), person))
    assert person.told[0][0] == "Open this address in a browser"
    assert exchanges(server) == 1


def test_a_redirect_that_is_not_of_this_machine_is_pasted(server: OAuthServer) -> None:
    redirect = "https://acme.example/code"
    server.rules.client = Client(redirects=(redirect,))
    person = Person(paste(lambda url: url))
    run(context(acme(server, redirect_uri=redirect), person))
    assert person.asked[0].message == "Paste the address that you are sent to:"
    assert person.asked[0].waiting is None
    assert server.faults == []


def test_a_taken_port_is_said_and_pasting_is_left(server: OAuthServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        redirect = f"http://127.0.0.1:{port}/cb"
        server.rules.client = Client(redirects=(redirect,))
        person = Person(paste(lambda url: url))
        run(context(acme(server, redirect_uri=redirect), person))
    assert person.told[0][1].startswith(f"Jackfield cannot listen for the browser: port {port} of this machine")
    assert person.asked[0].message == "Paste the address that you are sent to:"
    assert server.faults == []


def test_a_taken_port_and_nobody_who_could_paste_is_an_error(server: OAuthServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        redirect = f"http://127.0.0.1:{taken.getsockname()[1]}/cb"
        error = refused(context(acme(server, redirect_uri=redirect), Script()))
    assert (type(error), error.code) == (RemoteError, "remote.port")
    assert server.requests == []


@pytest.mark.parametrize("name", REFUSED)
def test_a_paste_that_is_not_the_answer_leads_to_no_exchange(server: OAuthServer, name: str) -> None:
    person = Person(REFUSED[name][0], CancelledError("enough"))
    error = refused(context(acme(server), person))
    assert error.code == "cancelled"
    assert exchanges(server) == 0
    assert len(person.complaints) == 1


def test_after_a_wrong_paste_the_right_one_is_taken(server: OAuthServer) -> None:
    person = Person(
        "https://evil.example/?code=x&state=y", "abc", paste(lambda url: url.replace("state=", "state=x")),
        paste(lambda url: url),
    )  # fmt: skip
    run(context(acme(server), person))
    assert len(person.complaints) == 3
    assert exchanges(server) == 1
    assert server.faults == []


def test_a_code_alone_is_taken_only_where_the_vendor_shows_nothing_else(server: OAuthServer) -> None:
    code = paste(lambda url: query_of(url)["code"])
    assert refused(context(acme(server), Person(code, CancelledError("enough")))).code == "cancelled"
    assert exchanges(server) == 0
    run(context(acme(server, pasted="url-or-code"), Person(code)))
    assert exchanges(server) == 1
    assert server.faults == []


def test_a_script_without_answers_waits_for_the_browser_alone(server: OAuthServer) -> None:
    script, browser = Script(), Visitor()
    run(context(acme(server), script, browser=browser), browser)
    assert script.asked == []
    assert script.shown[0] == "Waiting for the browser to come back"


def test_a_prompter_that_gives_out_what_its_question_refuses_breaks_a_promise(server: OAuthServer) -> None:
    class Careless(Person):
        async def ask(self, question: Any) -> object:
            return "not an answer"

    assert type(refused(context(acme(server), Careless()))) is InternalError
    assert exchanges(server) == 0


# --- what goes wrong


def test_nobody_is_not_asked_to_sign_in(server: OAuthServer) -> None:
    browser = Visitor()
    error = refused(context(acme(server), NobodyPrompter(lambda _: None), browser=browser))
    assert (type(error), error.code) == (NeedsTerminalError, "needs-terminal.sign-in")
    assert error.fix == "Run it in a terminal: jackfield login acme-login"
    assert browser.opened == []
    assert server.requests == []


def test_a_key_is_not_taken_and_not_repeated(server: OAuthServer) -> None:
    error = refused(context(acme(server), Person(), key=Secret("sk-canary-1")))
    assert (type(error), error.code) == (RequestError, "login.no-key")
    assert "canary" not in error.message
    assert server.requests == []


def test_a_no_on_the_page_is_said(server: OAuthServer) -> None:
    server.rules.deny = True
    browser = Visitor()
    error = refused(context(acme(server), Person(), browser=browser), browser)
    assert (type(error), error.code) == (CredentialError, "credential.denied")
    assert exchanges(server) == 0
    assert "The login failed" in browser.pages[0][1]


def test_another_error_of_the_page_is_said_in_plain_words(server: OAuthServer) -> None:
    def visit(url: str) -> list[str]:
        asked = query_of(url)
        return [f"{asked['redirect_uri']}?error=invalid_scope&error_description=No%0Asuch&state={asked['state']}"]

    browser = Visitor(visit=visit)
    error = refused(context(acme(server), Person(), browser=browser), browser)
    assert error.code == "credential.sign-in"
    assert error.message == "Acme gave no token: it does not give out what was asked for. It says: No such"


def test_answers_of_other_sign_ins_end_nothing(server: OAuthServer) -> None:
    def visit(url: str) -> list[str]:
        redirect = query_of(url)["redirect_uri"]
        origin = redirect.removesuffix("/callback")
        return [f"{redirect}?code=stolen&state=guessed", f"{origin}/favicon.ico", url]

    browser = Visitor(visit=visit)
    run(context(acme(server), Person(), browser=browser), browser)
    assert [status for status, _ in browser.pages] == [400, 404, 200]
    assert exchanges(server) == 1
    assert server.faults == []


@pytest.mark.parametrize("wrong", ["verifier", "redirect", "client", "replayed", "expired"])
def test_a_server_that_refuses_the_code_is_quoted_in_plain_words(server: OAuthServer, wrong: str) -> None:
    def visit(url: str) -> list[str]:
        asked = query_of(url)
        if wrong == "verifier":
            # Somebody put another challenge into the request: the code fits no verifier of ours.
            return [url.replace(asked["code_challenge"], "x" * 43)]
        back = redirect_of(url)
        if wrong == "redirect":
            server._codes[query_of(back)["code"]].redirect = "http://127.0.0.1:1/callback"
        if wrong == "client":
            server.rules.client = Client(id="another")
        if wrong == "replayed":
            server._codes[query_of(back)["code"]].family = "used"
        if wrong == "expired":
            server._codes[query_of(back)["code"]].ends = 0.0
        return [back]

    browser = Visitor(visit=visit)
    error = refused(context(acme(server), Person(), browser=browser), browser)

    assert (type(error), error.code) == (CredentialError, "credential.sign-in")
    assert (
        "does not know the client id" if wrong == "client" else "is wrong, has expired or was used"
    ) in error.message
    assert exchanges(server) == 1
    assert "The login failed" in browser.pages[0][1]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_fails_may_be_tried_again(server: OAuthServer, status: int) -> None:
    server.rules.fail = [status]
    browser = Visitor()
    error = refused(context(acme(server), Person(), browser=browser), browser)
    assert (type(error), error.code, error.fix) == (RemoteError, "remote.sign-in", "Try again in a minute.")


def test_no_secret_gets_into_an_error(server: OAuthServer) -> None:
    secrets: list[str] = []

    def visit(url: str) -> list[str]:
        back = redirect_of(url)
        secrets.append(query_of(back)["code"])
        server._codes.clear()
        return [back]

    browser = Visitor(visit=visit)
    error = refused(context(acme(server), Person(), browser=browser), browser)
    secrets.append(token_form(server)["code_verifier"])
    told = repr(error) + str(error.to_dict()) + browser.pages[0][1]
    assert [each for each in secrets if each in told] == []


@pytest.mark.parametrize("prompter", [Person, Script])
def test_nobody_who_comes_back_in_time_is_an_error(server: OAuthServer, prompter: type[Person]) -> None:
    clock, person = Clock(), prompter()
    error = refused(context(acme(server, timeout_s=180), person, sleep=clock.sleep))
    assert (type(error), error.code) == (CredentialError, "credential.sign-in-timeout")
    assert error.message == "Nobody finished the sign-in at Acme within 3 minutes."
    assert clock.slept == [180]
    assert exchanges(server) == 0


def test_the_user_may_end_it_while_the_browser_is_away(server: OAuthServer) -> None:
    error = refused(context(acme(server), Person(CancelledError("Interrupted; nothing was changed."))))
    assert error.code == "cancelled"


def test_a_cancelled_task_leaves_neither_question_nor_listener(server: OAuthServer) -> None:
    person = Person()

    async def main() -> None:
        task = asyncio.ensure_future(sign_in(context(acme(server), person)))
        await person.was_asked.wait()
        redirect = query_of(person.page)["redirect_uri"]
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert person.left_alone == 1
        with pytest.raises(ConnectionRefusedError):
            await asyncio.to_thread(fetch, redirect)

    asyncio.run(main())


@pytest.mark.parametrize("field", ["authorize_url", "token_url"])
def test_a_block_that_does_not_say_where_is_our_own_fault(server: OAuthServer, field: str) -> None:
    error = refused(context(acme(server, **{field: None}), Person()))
    assert type(error) is InternalError
    assert field in error.message


def test_a_flow_without_a_network_is_our_own_fault(server: OAuthServer) -> None:
    from jackfield.records import replace

    browser = Visitor()
    login = replace(context(acme(server), Person(), browser=browser), open_client=None)
    assert type(refused(login, browser)) is InternalError


# --- the user's own client

VARIABLES = ("ACME_CLIENT_ID", "ACME_CLIENT_SECRET", "ACME_REDIRECT_URI", "ACME_SCOPES")


@pytest.fixture
def confidential(server: OAuthServer) -> OAuthServer:
    server.rules.client = Client(id="own-client", secret="own-secret/Zq7+Xk2")
    return server


def own(server: OAuthServer, **changes: Any) -> Any:
    return acme(server, client_id=None, client_env=VARIABLES, **changes)


def test_the_users_own_client_comes_from_the_environment(confidential: OAuthServer) -> None:
    browser, person = Visitor(), Person()
    env = {"ACME_CLIENT_ID": " own-client ", "ACME_CLIENT_SECRET": "own-secret/Zq7+Xk2", "ACME_SCOPES": "a  b"}

    found = run(context(own(confidential), person, browser=browser, env=env), browser)

    assert grant_of(found).extra == {"clientId": "own-client"}
    assert token_form(confidential)["client_secret"] == "own-secret/Zq7+Xk2"
    assert query_of(browser.opened[0])["scope"] == "a b"
    assert "own-secret" not in browser.opened[0]
    assert confidential.faults == []


def test_the_users_own_client_is_asked_for_and_kept_for_the_renewal(confidential: OAuthServer) -> None:
    browser, person = Visitor(), Person("two words", "", "own-client", "own-secret/Zq7+Xk2")

    found = run(context(own(confidential), person, browser=browser), browser)

    assert person.complaints == ["That is no client id. Copy it anew.", "Required"]
    assert [each.kind for each in person.asked[:2]] == ["text", "secret"]
    assert grant_of(found).extra == {"clientId": "own-client", "clientSecret": "own-secret/Zq7+Xk2"}
    assert "own-secret" not in repr(found)


def test_a_client_may_have_no_secret(server: OAuthServer) -> None:
    browser = Visitor()
    found = run(context(own(server), Person("acme-client", ""), browser=browser), browser)
    assert grant_of(found).extra == {"clientId": "acme-client"}
    assert "client_secret" not in token_form(server)


def test_the_users_own_redirect_takes_the_place_of_the_blocks(server: OAuthServer) -> None:
    with free_port() as port:
        redirect = f"http://localhost:{port}/mine"
        server.rules.client = Client(redirects=(redirect,))
        browser = Visitor()
        env = {"ACME_CLIENT_ID": "acme-client", "ACME_REDIRECT_URI": redirect}
        run(context(own(server, redirect_uri="http://127.0.0.1:1456/x"), Person(), browser=browser, env=env), browser)
    assert token_form(server)["redirect_uri"] == redirect


@pytest.mark.parametrize(
    "redirect",
    ["http://192.0.2.1/cb", "ftp://localhost/cb", "localhost:1456/cb", "file:///etc", "http://localhost:99999/cb"],
)
def test_a_redirect_of_the_user_that_is_neither_here_nor_https_is_refused(server: OAuthServer, redirect: str) -> None:
    env = {"ACME_CLIENT_ID": "acme-client", "ACME_REDIRECT_URI": redirect}
    error = refused(context(own(server), Person(), env=env))
    assert (type(error), error.code) == (RequestError, "login.redirect")
    assert error.message.startswith("ACME_REDIRECT_URI must be")


def test_a_variable_that_holds_no_client_id_is_named(server: OAuthServer) -> None:
    error = refused(context(own(server), Person(), env={"ACME_CLIENT_ID": "two words"}))
    assert (error.code, error.message) == ("login.client", "ACME_CLIENT_ID holds no client id.")


def test_a_wrong_secret_is_said_and_not_repeated(confidential: OAuthServer) -> None:
    browser = Visitor()
    env = {"ACME_CLIENT_ID": "own-client", "ACME_CLIENT_SECRET": "wrong-secret/Zq7"}
    error = refused(context(own(confidential), Person(), browser=browser, env=env), browser)
    assert error.fix == "Check the client id and secret."
    assert "wrong-secret" not in str(error.to_dict())
