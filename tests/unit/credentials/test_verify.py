"""Which request checks a credential, how the credential is carried, and what is repeated of an answer."""

from __future__ import annotations

import asyncio
import json
import time
import unicodedata
from typing import Any

import pytest

from jackfield.credentials.secret import Secret
from jackfield.credentials.verify import Verdict, answer_text, auth_headers, check_for, verify
from jackfield.net import HttpClient, Response
from jackfield.providers.block import ApiKey, ApiStyle, AuthKind, AuthMethod, Check, Provider
from jackfield.providers.registry import ProviderRegistry

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789"
SECRET = Secret(KEY)
FOREIGN = "https://proxy.test/api"


def provider(
    *, api: ApiStyle | None = "openai-completions", base_url: str | None = "https://api.acme.test", **fields: Any
) -> Provider:
    return Provider(id="acme", label="Acme", api=api, base_url=base_url, **fields)


def method(kind: AuthKind = "api_key", verify: Check | None = None) -> AuthMethod:
    return AuthMethod("one", "one", kind, "One", "one", key=ApiKey("Key"), profile="acme:default", verify=verify)


# --- which check -----------------------------------------------------------------------------------------------------

OWN = Check("{base}/whoami", auth="x-api-key", refused=(401,))
OF_METHOD = Check("{base}/whoami", headers={"X-Beta": "1"})


@pytest.mark.parametrize(
    "base_url", ["https://api.acme.test", "https://api.acme.test/other/path", "https://API.acme.test:443/v2"]
)
def test_at_the_vendors_own_origin_its_own_check_is_used(base_url: str) -> None:
    assert check_for(provider(verify=OWN), None, base_url) == OWN
    assert check_for(provider(verify=OWN), method(), base_url) == OWN
    assert check_for(provider(verify=OWN), method(verify=OF_METHOD), base_url) == OF_METHOD
    assert check_for(provider(), method(verify=OF_METHOD), base_url) == OF_METHOD


@pytest.mark.parametrize(
    "base_url",
    [
        "https://proxy.test",
        "https://api.acme.test:8443",
        "http://api.acme.test",
        "https://api.acme.test.evil.test",
        "http://127.0.0.1:8080/v1",
    ],
)
def test_at_another_origin_the_check_is_that_of_the_api_style(base_url: str) -> None:
    for block in (provider(verify=OWN), provider(), provider(verify=Check("https://api.acme.test/me"))):
        assert check_for(block, method(verify=OF_METHOD), base_url) == Check("{base}/models")


def test_a_provider_without_an_address_keeps_its_own_check_everywhere() -> None:
    assert check_for(provider(base_url=None, verify=OWN), None, FOREIGN) == OWN


@pytest.mark.parametrize("own", ["https://{region}.acme.test", "https://acme.test:99999"])
def test_an_address_that_cannot_be_read_is_not_the_vendors_own(own: str) -> None:
    assert check_for(provider(base_url=own, verify=OWN), None, FOREIGN) == Check("{base}/models")


@pytest.mark.parametrize(
    ("own", "base_url", "url"),
    [
        ("{base}/v1/models", "https://api.acme.test", "{base}/v1/models"),
        ("{base}/v1/models", "https://api.acme.test/v1", "{base}/models"),
        ("{base}/v1/models", "https://api.acme.test/proxy/v1", "{base}/models"),
        ("{base}/v1/models", "https://api.acme.test/v1beta", "{base}/v1/models"),
        ("{base}/models", "https://api.acme.test/v1", "{base}/models"),
        ("{origin}/v1/models", "https://api.acme.test/v1", "{origin}/v1/models"),
        ("https://api.acme.test/v1/me", "https://api.acme.test/v1", "https://api.acme.test/v1/me"),
    ],
)
def test_a_v1_in_the_base_url_is_not_repeated(own: str, base_url: str, url: str) -> None:
    check = Check(own, auth="x-api-key", headers={"X-Version": "1"}, accepted=(403,))
    found = check_for(provider(verify=check), None, base_url)
    assert found == Check(url, auth="x-api-key", headers={"X-Version": "1"}, accepted=(403,))


VERSION = {"anthropic-version": "2023-06-01"}


@pytest.mark.parametrize(
    ("api", "kind", "base_url", "expected"),
    [
        ("openai-completions", "api_key", FOREIGN, Check("{base}/models")),
        ("openai-responses", "token", FOREIGN, Check("{base}/models")),
        ("anthropic-messages", "api_key", FOREIGN, Check("{base}/v1/models", auth="x-api-key", headers=VERSION)),
        ("anthropic-messages", None, FOREIGN, Check("{base}/v1/models", auth="x-api-key", headers=VERSION)),
        ("anthropic-messages", "token", FOREIGN, Check("{base}/v1/models", headers=VERSION)),
        ("anthropic-messages", "api_key", FOREIGN + "/v1", Check("{base}/models", auth="x-api-key", headers=VERSION)),
        ("anthropic-messages", "token", FOREIGN + "/v1", Check("{base}/models", headers=VERSION)),
        (
            "google-generative-ai",
            "api_key",
            FOREIGN,
            Check("{base}/models", auth="x-goog-api-key", refused=(400, 401, 403)),
        ),
        ("google-vertex", "api_key", FOREIGN, None),
        ("google-gemini-cli", "oauth", FOREIGN, None),
        ("bedrock-converse-stream", None, FOREIGN, None),
        ("cli", None, FOREIGN, None),
        (None, "api_key", FOREIGN, None),
    ],
)
def test_the_check_of_each_api_style(
    api: ApiStyle | None, kind: AuthKind | None, base_url: str, expected: Check | None
) -> None:
    fields: dict[str, Any] = {"oauth": None} if kind == "oauth" else {}
    chosen = None
    if kind is not None:
        chosen = AuthMethod("m", "m", kind, "M", "m", key=ApiKey("K"), profile="acme:d", supplied_by="x", **fields)
    assert check_for(provider(api=api), chosen, base_url) == expected


@pytest.mark.parametrize("api", ["cli", None])
def test_a_style_that_cannot_be_asked_has_no_check_even_for_a_local_service(api: ApiStyle | None) -> None:
    own = Check("{base}/models", auth="none", public=True)
    assert check_for(provider(api=api, local=True, verify=own), None, FOREIGN) is None


def test_a_local_service_at_another_address_is_still_asked_without_a_credential() -> None:
    own = Check("{origin}/api/version", auth="none", public=True)
    block = provider(base_url="http://127.0.0.1:11434/v1", local=True, verify=own)
    assert check_for(block, None, "http://127.0.0.1:11434/v1") == own
    assert check_for(block, None, "http://127.0.0.1:9999/v1") == Check("{base}/models", auth="none", public=True)


def test_a_public_check_of_a_remote_vendor_is_not_carried_to_another_origin() -> None:
    block = provider(verify=Check("{origin}/v1/models", public=True))
    assert check_for(block, None, FOREIGN) == Check("{base}/models")


@pytest.mark.parametrize(
    ("name", "base_url", "url"),
    [
        ("anthropic", "https://api.anthropic.com", "{base}/v1/models"),
        ("anthropic", "https://api.anthropic.com/v1", "{base}/models"),
        ("openai", "https://api.openai.com/v1", "{base}/models"),
        ("openrouter", "https://openrouter.ai/api/v1", "{base}/key"),
        ("openrouter", "https://proxy.test/v1", "{base}/models"),
    ],
)
def test_core_providers_are_checked_where_their_vendors_say(name: str, base_url: str, url: str) -> None:
    check = check_for(ProviderRegistry.with_core().resolve_provider(name), None, base_url)
    assert check is not None
    assert check.url == url


# --- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        ("bearer", {"Authorization": f"Bearer {KEY}"}),
        ("x-api-key", {"x-api-key": KEY}),
        ("x-goog-api-key", {"x-goog-api-key": KEY}),
        ("none", {}),
    ],
)
def test_the_credential_is_carried_as_the_check_says(auth: Any, expected: dict[str, str]) -> None:
    assert auth_headers(Check("{base}/x", auth=auth), SECRET) == expected
    assert auth_headers(Check("{base}/x", auth=auth), None) == {}


@pytest.mark.parametrize("value", ["", " ", "two\nlines", "nul\0", "ключ", "a" * 9_000, " padded "])
def test_a_credential_that_no_header_can_carry_is_not_sent_and_tells_nothing(value: str) -> None:
    async def run() -> Verdict:
        async with HttpClient(env={}, user_agent="test") as client:
            # Nothing listens on port 1: an attempt to send would come back as unreachable.
            return await verify(client, Check("{base}/x"), "http://127.0.0.1:1", Secret(value), deadline_s=5)

    verdict = asyncio.run(run())
    assert (verdict.state, verdict.code, verdict.status) == ("undetermined", "net.header", None)
    assert value.strip() == "" or value not in verdict.message


# --- words -----------------------------------------------------------------------------------------------------------


def said(body: object, secret: Secret | None = SECRET, *, kind: str = "application/json") -> str:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return answer_text(Response(401, {"Content-Type": kind}, data), secret)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"message": "Wrong key."}}, "Wrong key."),
        ({"error": "Wrong key."}, "Wrong key."),
        ({"message": "Wrong key."}, "Wrong key."),
        ({"detail": "Wrong key."}, "Wrong key."),
        ({"msg": "Wrong key."}, "Wrong key."),
        ({"detail": [{"msg": "Wrong key."}]}, "Wrong key."),
        ([{"error": {"code": 400, "message": "Wrong key.", "status": "INVALID_ARGUMENT"}}], "Wrong key."),
        ({"error": {"message": "", "detail": "Wrong key."}}, "Wrong key."),
        ({"type": "error", "error": {"type": "authentication_error", "message": "Wrong key."}}, "Wrong key."),
        ("Wrong key.", "Wrong key."),
        ({"error": {"message": "  Wrong\n\tkey. "}}, "Wrong key."),
        ({"error": {"code": 5}}, ""),
        ({"error": 5}, ""),
        ({"error": []}, ""),
        ({"error": True}, ""),
        ({}, ""),
        ([], ""),
        (None, ""),
        (5, ""),
        ({"error": {"error": {"error": {"error": {"message": "too deep"}}}}}, ""),
    ],
)
def test_the_message_is_found_in_the_shapes_that_providers_use(body: object, expected: str) -> None:
    assert said(body) == expected


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"Wrong key.", "text/plain; charset=utf-8", "Wrong key."),
        (b"Schl\xfcssel", "text/plain; charset=latin-1", "Schlüssel"),
        (b"Schl\xfcssel", "text/plain", "Schl\ufffdssel"),
        (b"Wrong key.", "text/plain; charset=unheard-of", "Wrong key."),
        (b"<html>Wrong key.</html>", "text/html", ""),
        (b"Wrong key.", "", ""),
        (b"{", "application/json", ""),
        (b"\xff\xfe\x00", "application/json", ""),
        (b'{"message": NaN}', "application/json", ""),
        (b"[" * 100_000, "application/json", ""),
        (b"1" * 10_000, "application/json", ""),
        (b"", "text/plain", ""),
        (b'{"message": "Wrong key."}', "text/plain", "Wrong key."),
    ],
)
def test_plain_text_is_repeated_and_pages_are_not(body: bytes, kind: str, expected: str) -> None:
    assert said(body, kind=kind) == expected


ECHOES = [
    f"The key {KEY} is wrong",
    f"The key '{KEY}' is wrong",
    f"key={KEY}; try again",
    f"Bearer {KEY}",
    f"{KEY}{KEY}",
    f"https://x.test/?key={KEY}&a=b",
    "Wrong key: sk-proj-abcdefgh****6789",
    "Wrong key: sk-pr...6789",
    "Wrong key: sk-p…6789.",
    "Wrong key: ********************6789",
    f"It begins with {KEY[:12]} as it should",
    f"It ends in {KEY[-9:]} as it should",
    f"In the middle: {KEY[10:20]}",
    f"{KEY[:20]}\u200b{KEY[20:]}",
    f"{KEY[:20]}\n{KEY[20:]}",
    f"{KEY[:20]}\u2028{KEY[20:]}",
    f"{KEY[:20]}\x1b[0m{KEY[20:]}",
]


@pytest.mark.parametrize("text", ECHOES)
@pytest.mark.parametrize("plain", [True, False])
def test_no_run_of_the_credential_is_repeated(text: str, plain: bool) -> None:
    shown = said(text.encode(), kind="text/plain; charset=utf-8") if plain else said({"error": {"message": text}})
    assert "…" in shown
    runs = {KEY[start : start + 8] for start in range(len(KEY) - 7)}
    assert not [run for run in runs if run in shown]
    assert "6789" not in shown


def test_the_words_around_an_echo_stay() -> None:
    assert said({"message": f"Incorrect API key provided: {KEY}. See the docs."}) == (
        "Incorrect API key provided: … See the docs."
    )
    assert said({"message": "Incorrect key sk-ab****6789. See the docs."}) == "Incorrect key … See the docs."


@pytest.mark.parametrize("short", ["abc", "abcdefg", "abcdefgh"])
def test_a_short_credential_is_hidden_too(short: str) -> None:
    assert said({"message": f"The key {short} is wrong"}, Secret(short)) == "The key … is wrong"


@pytest.mark.parametrize("secret", [None, Secret(""), Secret("  ")])
def test_without_a_credential_the_words_stay(secret: Secret | None) -> None:
    assert said({"message": "No key at all"}, secret) == "No key at all"


def test_nothing_that_steers_a_terminal_or_turns_text_round_is_repeated() -> None:
    every = [chr(code) for code in range(0x2100)] + [chr(code) for code in (0xFEFF, 0xFFF9, 0xE0041, 0xD800, 0xDFFF)]
    bad = [char for char in every if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    # Visible signs of the Arabic script that Unicode calls format characters.
    bad = [char for char in bad if not "\u0600" <= char <= "\u0605" and char not in "\u06dd\u070f\u0890\u0891\u08e2"]
    assert len(bad) > 90
    for char in bad:
        assert said({"message": f"a{char}b"}) == "a b", hex(ord(char))
    assert said({"message": " ".join(bad)}) == ""
    assert said({"message": "Schlüssel ключ 鍵 🔑"}) == "Schlüssel ключ 鍵 🔑"


def test_half_a_surrogate_pair_can_be_printed_afterwards() -> None:
    assert said(b'{"message": "a\\ud83d b\\udd11 c\\ud83d\\udd11"}').encode() == "a b c🔑".encode()


@pytest.mark.parametrize("length", [299, 300, 301, 5_000, 200_000])
def test_a_long_message_is_cut(length: int) -> None:
    shown = said({"message": "word " * (length // 5) + "x" * (length % 5)})
    assert len(shown) <= 300
    if length > 300:
        assert shown.endswith("…")


def test_a_credential_at_the_place_of_the_cut_is_hidden() -> None:
    for before in range(260, 301, 5):
        shown = said({"message": "x" * before + " " + KEY + " after"})
        assert KEY[:8] not in shown
    for before in range(2_350, 2_402, 3):
        shown = said({"message": " " * before + KEY})
        assert KEY[:8] not in shown


def test_an_answer_made_to_be_slow_is_not() -> None:
    started = time.process_time()
    for text in ("." * 200_000, "a" * 200_000, "*." * 100_000, ("a" * 50 + "..") * 4_000):
        said({"message": text})
    assert time.process_time() - started < 2.0
