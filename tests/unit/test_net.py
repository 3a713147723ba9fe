"""The HTTP client's rules that need no connection: URLs, addresses, proxies, headers, bodies, the sync edge."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import gzip
import ipaddress
import itertools
import socket
import ssl
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

import jackfield.net
from jackfield.errors import InternalError, RemoteError, RequestError
from jackfield.net import BoundAuth, Headers, HttpClient, Origin, Response, check_base_url, origin_of, run_sync, trust
from jackfield.net.address import embedded_ipv4, literal, reach
from jackfield.net.body import Decoder
from jackfield.net.message import MAX_HEADER, MAX_HEADERS, check_headers, encode_body
from jackfield.net.proxy import ProxyRules
from jackfield.net.url import MAX_URL, read_target
from support.servers import Authority

ACME = Origin("https", "api.acme.test", 443)


# --- base URLs -------------------------------------------------------------------------------------------------------

GOOD_URLS = [
    ("https://api.acme.test", "https://api.acme.test"),
    ("https://api.acme.test/", "https://api.acme.test"),
    ("https://api.acme.test/v1", "https://api.acme.test/v1"),
    ("https://api.acme.test/v1/", "https://api.acme.test/v1"),
    ("https://api.acme.test/v1///", "https://api.acme.test/v1"),
    ("HTTPS://API.Acme.TEST/V1", "https://api.acme.test/V1"),
    ("https://api.acme.test:443/v1", "https://api.acme.test/v1"),
    ("https://api.acme.test:8443/v1", "https://api.acme.test:8443/v1"),
    ("https://api.acme.test:80", "https://api.acme.test:80"),
    ("https://api.acme.test:1", "https://api.acme.test:1"),
    ("https://api.acme.test:65535", "https://api.acme.test:65535"),
    ("http://127.0.0.1", "http://127.0.0.1"),
    ("http://127.0.0.1:80/v1", "http://127.0.0.1/v1"),
    ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
    ("http://localhost:1234", "http://localhost:1234"),
    ("http://LOCALHOST:1234/", "http://localhost:1234"),
    ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
    ("http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
    ("https://[2001:DB8::00A1]/v1", "https://[2001:db8::a1]/v1"),
    ("https://10.0.0.5/v1", "https://10.0.0.5/v1"),
    ("https://intranet", "https://intranet"),
    ("https://my_host.acme.test", "https://my_host.acme.test"),
    ("https://r3---sn-a.acme.test", "https://r3---sn-a.acme.test"),
    ("https://123.acme.test", "https://123.acme.test"),
    ("https://0x7f.acme.test", "https://0x7f.acme.test"),
    ("https://1.2.3.4a", "https://1.2.3.4a"),
    ("https://api.acme.test/a%2Fb/c:d@e;f=g,h", "https://api.acme.test/a%2Fb/c:d@e;f=g,h"),
    ("https://api.acme.test/..a/b..", "https://api.acme.test/..a/b.."),
]


@pytest.mark.parametrize(("url", "expected"), GOOD_URLS)
def test_a_good_base_url_is_written_anew(url: str, expected: str) -> None:
    assert check_base_url(url) == expected


@pytest.mark.parametrize(("url", "expected"), GOOD_URLS)
def test_checking_a_base_url_twice_changes_nothing(url: str, expected: str) -> None:
    assert check_base_url(check_base_url(url)) == expected


HOSTILE_URLS = [
    # nothing, or no address
    ("", {"url.empty", "url.scheme"}),
    ("api.acme.test", {"url.scheme"}),
    ("//api.acme.test", {"url.scheme"}),
    ("/v1", {"url.scheme"}),
    ("https://" + "a." * 1_100 + "test", {"url.too-long", "url.host"}),
    # schemes
    ("ftp://api.acme.test", {"url.scheme"}),
    ("file:///etc/passwd", {"url.scheme"}),
    ("javascript:alert(1)", {"url.scheme"}),
    ("httpss://api.acme.test", {"url.scheme"}),
    ("https:api.acme.test", {"url.scheme"}),
    ("https:/api.acme.test", {"url.scheme"}),
    ("https//api.acme.test", {"url.scheme"}),
    ("ws://127.0.0.1", {"url.scheme"}),
    # no host: WHATWG skips any number of slashes, RFC 3986 does not
    ("https://", {"url.host"}),
    ("https:///api.acme.test", {"url.host"}),
    ("https:////api.acme.test", {"url.host", "url.path"}),
    ("https://:443", {"url.host"}),
    ("https:///v1", {"url.host"}),
    # user information
    ("https://user@api.acme.test", {"url.userinfo"}),
    ("https://user:pass@api.acme.test", {"url.userinfo"}),
    ("https://@api.acme.test", {"url.userinfo"}),
    ("https://:@api.acme.test", {"url.userinfo"}),
    ("https://api.acme.test@evil.test", {"url.userinfo"}),
    ("https://api.acme.test:443@evil.test", {"url.userinfo"}),
    ("https://a@b@evil.test", {"url.userinfo"}),
    # backslashes
    ("https://evil.test\\@api.acme.test", {"url.backslash"}),
    ("https:\\\\evil.test", {"url.backslash", "url.scheme"}),
    ("https://evil.test\\.api.acme.test", {"url.backslash"}),
    ("https://api.acme.test/v1\\..\\admin", {"url.backslash", "url.dot-segment"}),
    # white space and controls, which WHATWG strips
    ("https://api.acme.test/v1\n", {"url.control"}),
    ("https://api.acme\t.test", {"url.control"}),
    ("ht\ntps://api.acme.test", {"url.control"}),
    ("https://api.acme.test\r\nHost: evil.test", {"url.control", "url.white-space", "url.port"}),
    (" https://api.acme.test", {"url.white-space"}),
    ("https://api.acme.test ", {"url.white-space"}),
    ("https://api acme.test", {"url.white-space"}),
    ("https://api.acme.test\x00.evil.test", {"url.control"}),
    ("https://api.acme.test\x7f", {"url.control"}),
    ("\x01https://api.acme.test", {"url.control"}),
    # not ASCII: look-alikes, full-width forms, dots that are not dots, soft hyphens, zero-width, bidi
    ("https://\u0430pi.acme.test", {"url.ascii"}),
    ("https://api.acme\u3002test", {"url.ascii"}),
    ("https://api.acme.\uff54est", {"url.ascii"}),
    ("https://evil.test\u2044api.acme.test", {"url.ascii"}),
    ("https://evil.c\u2100.acme.test", {"url.ascii"}),
    ("https://api.ac\u00adme.test", {"url.ascii"}),
    ("https://api.acme\u200b.test", {"url.ascii"}),
    ("https://api.acme.test\u202e", {"url.ascii"}),
    ("https://api.acme.test\u00a0", {"url.ascii"}),
    ("https://fa\u00df.test", {"url.ascii"}),
    ("https://127\u30020\u30020\u30021", {"url.ascii", "url.numeric-host"}),
    ("https://\u2460\u2461\u2466.0.0.1", {"url.ascii", "url.numeric-host"}),
    ("https://xn--pple-43d.test", {"url.idna"}),
    ("https://api.XN--80AK6AA92E.test", {"url.idna"}),
    ("https://xn--.test", {"url.host"}),
    # percent in the host
    ("https://api%2eacme.test", {"url.percent-host"}),
    ("https://evil.test%2f.api.acme.test", {"url.percent-host"}),
    ("https://%61pi.acme.test", {"url.percent-host"}),
    ("https://evil.test%40api.acme.test", {"url.percent-host"}),
    ("https://[fe80::1%25eth0]", {"url.percent-host"}),
    # dots
    ("https://api.acme.test.", {"url.trailing-dot"}),
    ("https://api.acme.test..", {"url.trailing-dot"}),
    ("https://127.0.0.1.", {"url.trailing-dot"}),
    ("https://.api.acme.test", {"url.host"}),
    ("https://api..acme.test", {"url.host"}),
    ("https://.", {"url.trailing-dot", "url.host"}),
    # numbers that WHATWG reads as addresses
    ("https://127.1", {"url.numeric-host"}),
    ("https://0x7f.1", {"url.numeric-host"}),
    ("https://0x7f000001", {"url.numeric-host"}),
    ("https://2130706433", {"url.numeric-host"}),
    ("https://017700000001", {"url.numeric-host"}),
    ("https://0177.0.0.1", {"url.numeric-host"}),
    ("https://127.0.0.01", {"url.numeric-host"}),
    ("https://127.0.0.0x1", {"url.numeric-host"}),
    ("https://256.0.0.1", {"url.numeric-host"}),
    ("https://1.2.3.4.5", {"url.numeric-host"}),
    ("https://api.acme.0x", {"url.numeric-host"}),
    ("https://0", {"url.numeric-host"}),
    ("http://0X7F.0.0.1", {"url.numeric-host", "url.insecure"}),
    # IPv6
    ("https://[::ffff:127.0.0.1]", {"url.host"}),
    ("https://[::ffff:7f00:1]", {"url.embedded-ipv4"}),
    ("https://[::ffff:a9fe:a9fe]", {"url.embedded-ipv4", "url.forbidden-address"}),
    ("https://[::7f00:1]", {"url.embedded-ipv4"}),
    ("https://[64:ff9b::7f00:1]", {"url.embedded-ipv4"}),
    ("https://[2002:7f00:1::]", {"url.embedded-ipv4"}),
    ("https://[2001:0:1:2:3:4:80ff:fffe]", {"url.embedded-ipv4"}),
    ("https://[::1", {"url.host", "url.port"}),
    ("https://::1", {"url.host", "url.port"}),
    ("https://::1]", {"url.host"}),
    ("https://[::1]a", {"url.host"}),
    ("https://[127.0.0.1]", {"url.host"}),
    ("https://[v1.a]", {"url.host"}),
    ("https://[]", {"url.host"}),
    ("https://[1::2::3]", {"url.host"}),
    ("https://[[::1]]", {"url.host"}),
    # names
    ("https://-api.acme.test", {"url.host"}),
    ("https://api-.acme.test", {"url.host"}),
    ("https://api!acme.test", {"url.host"}),
    ("https://api.acme.test,evil.test", {"url.host"}),
    ("https://api.acme.test;evil.test", {"url.host"}),
    ("https://api.acme.test&evil.test", {"url.host"}),
    ("https://$HOST.acme.test", {"url.host"}),
    ("https://${HOST}.acme.test", {"url.host"}),
    ("https://*.acme.test", {"url.host"}),
    ("https://" + "a" * 64 + ".test", {"url.host"}),
    ("https://" + ".".join(["a" * 49] * 6), {"url.host"}),
    # ports
    ("https://api.acme.test:", {"url.port"}),
    ("https://api.acme.test:0", {"url.port"}),
    ("https://api.acme.test:65536", {"url.port"}),
    ("https://api.acme.test:999999", {"url.port"}),
    ("https://api.acme.test:0443", {"url.port"}),
    ("https://api.acme.test:+443", {"url.port"}),
    ("https://api.acme.test:-443", {"url.port"}),
    ("https://api.acme.test:4_43", {"url.port"}),
    ("https://api.acme.test:443a", {"url.port"}),
    ("https://api.acme.test:0x1bb", {"url.port"}),
    ("https://api.acme.test:443:443", {"url.port"}),
    ("https://api.acme.test:%34%34%33", {"url.port"}),
    ("https://api.acme.test:\u0664\u0664\u0663", {"url.ascii", "url.port"}),
    # query, fragment, path
    ("https://api.acme.test?", {"url.query"}),
    ("https://api.acme.test/v1?key=1", {"url.query"}),
    ("https://api.acme.test#", {"url.fragment"}),
    ("https://api.acme.test#@evil.test", {"url.fragment"}),
    ("https://api.acme.test/v1#?a", {"url.fragment"}),
    ("https://api.acme.test/v1?a#b", {"url.query", "url.fragment"}),
    ("https://api.acme.test/../admin", {"url.dot-segment"}),
    ("https://api.acme.test/v1/.", {"url.dot-segment"}),
    ("https://api.acme.test/%2e%2E/admin", {"url.dot-segment"}),
    ("https://api.acme.test/v1/.%2e", {"url.dot-segment"}),
    ("https://api.acme.test//evil.test", {"url.path"}),
    ("https://api.acme.test/v1//x", {"url.path"}),
    ('https://api.acme.test/"', {"url.path"}),
    ("https://api.acme.test/<v1>", {"url.path"}),
    ("https://api.acme.test/${V}", {"url.path"}),
    ("https://api.acme.test/`id`", {"url.path"}),
    ("https://api.acme.test/[x]", {"url.path"}),
    ("https://api.acme.test/a|b", {"url.path"}),
    ("https://api.acme.test/%", {"url.path"}),
    ("https://api.acme.test/%zz", {"url.path"}),
    ("https://api.acme.test/%0d%0aX", {"url.path"}),
    ("https://api.acme.test/%00", {"url.path"}),
    # plain http
    ("http://api.acme.test", {"url.insecure"}),
    ("http://8.8.8.8", {"url.insecure"}),
    ("http://localhost.evil.test", {"url.insecure"}),
    ("http://127.0.0.1.evil.test", {"url.insecure"}),
    ("http://nas.local:8080", {"url.insecure"}),
    ("http://evil.localhost", {"url.insecure"}),
    ("http://10.0.0.5", {"url.private-http"}),
    ("http://127.0.0.2", {"url.private-http"}),
    # addresses no request may go to
    ("https://169.254.169.254", {"url.forbidden-address"}),
    ("http://169.254.169.254/latest/meta-data", {"url.forbidden-address", "url.insecure"}),
    ("https://0.0.0.0", {"url.forbidden-address"}),
    ("http://0.0.0.0:8080", {"url.forbidden-address", "url.insecure"}),
    ("https://[::]", {"url.forbidden-address"}),
    ("https://[fe80::1]", {"url.forbidden-address"}),
    ("https://[fd00:ec2::254]", {"url.forbidden-address"}),
    ("https://255.255.255.255", {"url.forbidden-address"}),
    # several at once
    ("http://user@api.acme.test:0/v1?x#y", {"url.userinfo", "url.port", "url.query", "url.fragment", "url.insecure"}),
]


@pytest.mark.parametrize(("url", "codes"), HOSTILE_URLS)
def test_a_hostile_base_url_is_refused_with_every_fault(url: str, codes: set[str]) -> None:
    with pytest.raises(RequestError) as caught:
        check_base_url(url)
    assert {fault.code for fault in caught.value.diagnostics} == codes
    assert caught.value.code in codes
    assert all(fault.rule == "G10" for fault in caught.value.diagnostics)


@pytest.mark.parametrize(("url", "codes"), HOSTILE_URLS)
def test_consent_to_private_http_opens_nothing_else(url: str, codes: set[str]) -> None:
    if codes == {"url.private-http"}:
        assert check_base_url(url, allow_private_http=True) == url
    else:
        with pytest.raises(RequestError):
            check_base_url(url, allow_private_http=True)


def test_there_are_many_hostile_cases_and_none_twice() -> None:
    urls = [url for url, _ in HOSTILE_URLS]
    assert len(urls) == len(set(urls)) >= 120


@pytest.mark.parametrize("url", ["http://10.1.2.3:8080/v1", "http://192.168.1.9", "http://[fd12:3456::1]:8000"])
def test_plain_http_to_a_private_address_needs_consent_and_says_so(url: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_base_url(url)
    assert caught.value.code == "url.private-http"
    assert "agree" in (caught.value.fix or "")
    assert check_base_url(url, allow_private_http=True) == url


def test_another_fault_comes_before_the_one_that_consent_would_help() -> None:
    with pytest.raises(RequestError) as caught:
        check_base_url("http://10.1.2.3:0")
    assert [fault.code for fault in caught.value.diagnostics] == ["url.port", "url.private-http"]
    assert caught.value.code == "url.port"


def test_a_refusal_never_repeats_the_url() -> None:
    with pytest.raises(RequestError) as caught:
        check_base_url("https://user:hunter2@api.acme.test/?key=hunter3#hunter4")
    assert "hunter" not in str(caught.value)
    assert "hunter" not in repr(caught.value.to_dict())


URL_PIECES = st.sampled_from(
    [
        *(
            "https://",
            "http://",
            "HTTPS://",
            "https:",
            "//",
            "/",
            "\\",
            "@",
            ":",
            "?",
            "#",
            ".",
            "..",
            "%",
            "%2e",
            "[",
            "]",
        ),
        *(
            "api.acme.test",
            "evil.test",
            "localhost",
            "127.0.0.1",
            "127.1",
            "0x7f",
            "10.0.0.5",
            "::1",
            "::ffff:",
            "1",
            "a",
        ),
        *(
            "443",
            "8080",
            "0",
            "65536",
            "v1",
            " ",
            "\t",
            "\n",
            "-",
            "_",
            "~",
            "xn--",
            "\u0430",
            "\u3002",
            "\x00",
            "{",
            "'",
            "+",
        ),
    ]
)
URL_TEXTS = st.one_of(
    st.lists(URL_PIECES, max_size=8).map("".join),
    st.lists(URL_PIECES, max_size=4).map(lambda pieces: "https://api.acme.test" + "".join(pieces)),
    st.builds("{}://{}{}{}".format, st.sampled_from(["http", "https"]), URL_PIECES, URL_PIECES, URL_PIECES),
    st.text(max_size=40).map(lambda text: "https://" + text),
)


@settings(max_examples=400, deadline=None)
@given(URL_TEXTS, st.booleans())
def test_any_text_gives_a_url_that_all_parsers_agree_on_or_a_request_error(text: str, consent: bool) -> None:
    codes: set[str] = set()
    result: str | None
    try:
        result = check_base_url(text, allow_private_http=consent)
    except RequestError as error:
        codes = {error.code, *(fault.code for fault in error.diagnostics)}
        result = None
    if result is None:
        assert all(code.startswith("url.") for code in codes)
        return
    assert check_base_url(result, allow_private_http=consent) == result
    origin = origin_of(result)
    ours = (origin.scheme, origin.host, origin.port)
    python, other = urlsplit(result), URL(result)
    assert (python.scheme, python.hostname, python.port or {"http": 80, "https": 443}[python.scheme]) == ours
    assert (other.scheme, other.raw_host, other.port) == ours
    assert result.startswith(str(origin))
    assert not result.endswith("/")
    assert origin.scheme == "https" or reach(origin.host) in {"loopback", "private"}


LABELS = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(LABELS, min_size=1, max_size=4).map(".".join),
    st.none() | st.integers(1, 65_535),
    st.lists(st.from_regex(r"[A-Za-z0-9_~-]{1,8}", fullmatch=True), max_size=3),
)
def test_every_plain_https_url_is_taken_and_keeps_its_parts(host: str, port: int | None, path: list[str]) -> None:
    url = f"https://{host}{'' if port is None else f':{port}'}{''.join('/' + part for part in path)}"
    assert origin_of(check_base_url(url)) == Origin("https", host, port or 443)
    assert urlsplit(check_base_url(url)).path == "".join("/" + part for part in path)


# --- origins ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "origin", "text"),
    [
        ("https://api.acme.test/v1/chat?x=1#y", ACME, "https://api.acme.test"),
        ("https://API.acme.test:443", ACME, "https://api.acme.test"),
        ("http://api.acme.test", Origin("http", "api.acme.test", 80), "http://api.acme.test"),
        ("http://api.acme.test:443", Origin("http", "api.acme.test", 443), "http://api.acme.test:443"),
        ("https://api.acme.test:80", Origin("https", "api.acme.test", 80), "https://api.acme.test:80"),
        ("http://[::1]:8080/a", Origin("http", "::1", 8080), "http://[::1]:8080"),
        ("https://[2001:db8::1]", Origin("https", "2001:db8::1", 443), "https://[2001:db8::1]"),
    ],
)
def test_an_origin_is_scheme_host_and_port_with_a_canonical_text(url: str, origin: Origin, text: str) -> None:
    assert origin_of(url) == origin
    assert str(origin_of(url)) == text
    assert origin_of(text) == origin


@pytest.mark.parametrize("url", ["https://evil.test\\@api.acme.test", "https://u@api.acme.test", "https://127.1", "x"])
def test_an_origin_is_not_read_from_a_doubtful_url(url: str) -> None:
    with pytest.raises(RequestError, match="cannot be used"):
        origin_of(url)


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://api.acme.test", "https://api.acme.test/"),
        ("https://api.acme.test?x=1", "https://api.acme.test/?x=1"),
        ("https://api.acme.test/a//b/?", "https://api.acme.test/a//b/"),
        ("https://api.acme.test/v1?redirect=https://b.test/#frag", "https://api.acme.test/v1?redirect=https://b.test/"),
    ],
)
def test_a_url_to_request_keeps_its_query_and_loses_its_fragment(url: str, sent: str) -> None:
    assert read_target(url).url == sent
    assert str(URL(sent, encoded=True)) == sent


@pytest.mark.parametrize(
    "url", ["https://a.test/?q=a b", 'https://a.test/?q="', "https://a.test/?q=%", "https://a.test/?é"]
)
def test_a_query_must_be_encoded(url: str) -> None:
    with pytest.raises(RequestError):
        read_target(url)


def test_the_longest_url_is_taken_and_one_more_character_is_not() -> None:
    longest = "https://a.test/".ljust(MAX_URL, "x")
    assert read_target(longest).url == longest
    with pytest.raises(RequestError) as caught:
        read_target(longest + "x")
    assert caught.value.code == "url.too-long"


# --- addresses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("api.acme.test", None),
        ("localhost.acme.test", None),
        ("127.1", None),
        ("localhost", "loopback"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
        ("10.0.0.1", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.1", "public"),
        ("192.168.0.1", "private"),
        ("100.64.0.1", "private"),
        ("100.128.0.1", "public"),
        ("fd00::1", "private"),
        ("fec0::1", "private"),
        ("::ffff:10.0.0.1", "private"),
        ("2002:a00:1::", "private"),
        ("8.8.8.8", "public"),
        ("198.18.0.1", "public"),
        ("2606:4700::1111", "public"),
        ("64:ff9b::808:808", "public"),
        ("::ffff:8.8.8.8", "public"),
        ("169.254.169.254", "forbidden"),
        ("169.254.0.1", "forbidden"),
        ("::ffff:169.254.169.254", "forbidden"),
        ("::ffff:a9fe:a9fe", "forbidden"),
        ("64:ff9b::a9fe:a9fe", "forbidden"),
        ("2002:a9fe:a9fe::1", "forbidden"),
        ("2001:0:1:2:3:4:5601:5601", "forbidden"),
        ("::a9fe:a9fe", "forbidden"),
        ("fe80::1", "forbidden"),
        ("febf::1", "forbidden"),
        ("fd00:ec2::254", "forbidden"),
        ("fd00:ec2::253", "private"),
        ("0.0.0.0", "forbidden"),
        ("0.1.2.3", "forbidden"),
        ("::", "forbidden"),
        ("224.0.0.1", "forbidden"),
        ("ff02::1", "forbidden"),
        ("255.255.255.255", "forbidden"),
        ("100.100.100.200", "forbidden"),
        ("168.63.129.16", "forbidden"),
        ("192.0.0.192", "forbidden"),
    ],
)
def test_an_address_leads_where_its_block_says(host: str, expected: str | None) -> None:
    assert reach(host) == expected


@given(st.ip_addresses(v=4))
def test_an_ipv6_form_of_an_ipv4_address_leads_where_that_one_leads(address: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address(int(address) | 0xFFFF << 32)
    translated = ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | int(address))
    assert embedded_ipv4(mapped) == embedded_ipv4(translated) == address
    assert reach(str(mapped)) == reach(str(translated)) == reach(str(address))


# Global by the IANA tables, and yet no place for a request: vendors' metadata, and IPv6's site-local block of old.
NOT_FOR_REQUESTS = [ipaddress.ip_network(block) for block in ("168.63.129.16/32", "192.0.0.192/32", "fec0::/10")]


@given(st.ip_addresses())
def test_the_blocks_agree_with_the_standard_library(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    found = reach(str(address))
    if embedded_ipv4(address) is not None:
        return
    if address.is_loopback:
        assert found == "loopback"
    elif address.is_link_local or address.is_multicast or address.is_unspecified:
        assert found == "forbidden"
    elif address.is_global and not any(address in block for block in NOT_FOR_REQUESTS):
        assert found == "public"


def test_a_name_is_no_address() -> None:
    assert literal("api.acme.test") is None


# --- proxies ---------------------------------------------------------------------------------------------------------

HTTP = Origin("http", "api.acme.test", 80)
P, Q = "http://p.test:3128", "http://q.test:3128"


@pytest.mark.parametrize(
    ("env", "origin", "proxy"),
    [
        ({}, ACME, None),
        ({"HTTPS_PROXY": P}, ACME, "http://p.test:3128"),
        ({"https_proxy": P}, ACME, "http://p.test:3128"),
        ({"https_proxy": P, "HTTPS_PROXY": Q}, ACME, "http://p.test:3128"),
        ({"https_proxy": "", "HTTPS_PROXY": Q}, ACME, None),
        ({"HTTPS_PROXY": " ", "ALL_PROXY": Q}, ACME, None),
        ({"HTTP_PROXY": P}, ACME, None),
        ({"HTTPS_PROXY": P}, HTTP, None),
        ({"HTTP_PROXY": P}, HTTP, "http://p.test:3128"),
        ({"HTTP_PROXY": P, "http_proxy": Q}, HTTP, "http://q.test:3128"),
        ({"ALL_PROXY": P}, ACME, "http://p.test:3128"),
        ({"all_proxy": P}, HTTP, "http://p.test:3128"),
        ({"ALL_PROXY": P, "HTTPS_PROXY": Q}, ACME, "http://q.test:3128"),
        ({"ALL_PROXY": P, "all_proxy": Q}, ACME, "http://q.test:3128"),
        # httpoxy: in a CGI process HTTP_PROXY is a request header of the attacker's
        ({"HTTP_PROXY": P, "REQUEST_METHOD": "GET"}, HTTP, None),
        ({"HTTP_PROXY": P, "REQUEST_METHOD": ""}, HTTP, None),
        ({"HTTP_PROXY": P, "REQUEST_METHOD": "GET", "ALL_PROXY": Q}, HTTP, "http://q.test:3128"),
        ({"http_proxy": P, "REQUEST_METHOD": "GET"}, HTTP, "http://p.test:3128"),
        ({"HTTPS_PROXY": P, "REQUEST_METHOD": "GET"}, ACME, "http://p.test:3128"),
        # spellings of the value
        ({"HTTPS_PROXY": "p.test:3128"}, ACME, "http://p.test:3128"),
        ({"HTTPS_PROXY": "p.test"}, ACME, "http://p.test"),
        ({"HTTPS_PROXY": "HTTP://P.Test:3128/"}, ACME, "http://p.test:3128"),
        ({"HTTPS_PROXY": "https://p.test"}, ACME, "https://p.test"),
        ({"HTTPS_PROXY": "http://[fd00::1]:3128"}, ACME, "http://[fd00::1]:3128"),
        ({"HTTPS_PROXY": "http://10.0.0.1:3128"}, ACME, "http://10.0.0.1:3128"),
    ],
)
def test_the_proxy_follows_the_variables(env: dict[str, str], origin: Origin, proxy: str | None) -> None:
    found = ProxyRules(env).proxy_for(origin)
    assert (None if found is None else str(found.origin)) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "url", "direct"),
    [
        ("", "https://api.acme.test", False),
        ("acme.test", "https://api.acme.test", True),
        ("acme.test", "https://acme.test", True),
        ("acme.test", "https://notacme.test", False),
        ("acme.test", "https://acme.test.evil.test", False),
        (".acme.test", "https://api.acme.test", True),
        (".acme.test", "https://acme.test", True),
        ("*.acme.test", "https://api.acme.test", True),
        ("ACME.Test", "https://api.acme.test", True),
        ("acme.test.", "https://api.acme.test", True),
        ("other.test, acme.test", "https://api.acme.test", True),
        ("other.test acme.test", "https://api.acme.test", True),
        (",,acme.test,", "https://api.acme.test", True),
        ("*", "https://api.acme.test", True),
        ("*", "https://8.8.8.8", True),
        ("api.acme.test:443", "https://api.acme.test", True),
        ("api.acme.test:8443", "https://api.acme.test", False),
        ("api.acme.test:8443", "https://api.acme.test:8443", True),
        ("*:8443", "https://api.acme.test:8443", True),
        ("8.8.8.8", "https://8.8.8.8", True),
        ("8.8.8.8", "https://8.8.8.9", False),
        ("8.8.8.8:443", "https://8.8.8.8", True),
        ("8.8.8.8:80", "https://8.8.8.8", False),
        ("8.8.8.0/24", "https://8.8.8.9", True),
        ("8.8.8.7/24", "https://8.8.8.9", True),
        ("8.8.8.0/24", "https://8.8.9.1", False),
        ("8.8.8.0/99", "https://8.8.8.1", False),
        ("8", "https://8.8.8.8", False),
        ("2001:db8::1", "https://[2001:db8::1]", True),
        ("[2001:db8::1]", "https://[2001:db8::1]", True),
        ("[2001:db8::1]:443", "https://[2001:db8::1]", True),
        ("[2001:db8::1]:444", "https://[2001:db8::1]", False),
        ("2001:db8::/32", "https://[2001:db8:5::1]", True),
        ("10.0.0.0/8", "https://api.acme.test", False),
        (".", "https://api.acme.test", False),
    ],
)
def test_no_proxy_lists_what_is_asked_directly(no_proxy: str, url: str, direct: bool) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        rules = ProxyRules({"ALL_PROXY": P, name: no_proxy})
        assert (rules.proxy_for(origin_of(url)) is None) is direct


def test_the_lower_case_no_proxy_wins() -> None:
    rules = ProxyRules({"ALL_PROXY": P, "no_proxy": "other.test", "NO_PROXY": "*"})
    assert rules.proxy_for(ACME) is not None


@pytest.mark.parametrize("url", ["http://127.0.0.1:80", "http://localhost", "https://[::1]", "http://127.9.9.9"])
def test_this_machine_is_asked_directly_unless_the_proxy_is_wanted_for_it(url: str) -> None:
    env = {"ALL_PROXY": P}
    assert ProxyRules(env).proxy_for(origin_of(url)) is None
    assert ProxyRules(env, proxy_loopback=True).proxy_for(origin_of(url)) is not None


@pytest.mark.parametrize(
    ("value", "authorization"),
    [
        ("http://user:pass@p.test:3128", "Basic dXNlcjpwYXNz"),
        ("user:pass@p.test:3128", "Basic dXNlcjpwYXNz"),
        ("http://user@p.test:3128", "Basic dXNlcjo="),
        ("http://us%40er:p%3Ass@p.test:3128", "Basic dXNAZXI6cDpzcw=="),
        ("http://user:p@ss@p.test:3128", "Basic dXNlcjpwQHNz"),
        ("http://p.test:3128", None),
    ],
)
def test_a_proxys_credential_is_taken_from_its_url(value: str, authorization: str | None) -> None:
    proxy = ProxyRules({"HTTPS_PROXY": value}).proxy_for(ACME)
    assert proxy is not None
    assert proxy.authorization == authorization
    assert str(proxy.origin) == "http://p.test:3128"
    assert repr(proxy) == "<Proxy http://p.test:3128 from HTTPS_PROXY>"


@pytest.mark.parametrize(
    "value",
    [
        *(
            "socks5://p.test:1080",
            "ftp://p.test",
            "http://",
            "http://p.test:0",
            "http://p.test:x",
            "http://p.test/path",
        ),
        *(
            "http://p test",
            "http://s3cret@:3128",
            "http://127.1:3128",
            "http://p.test:3128?x=1",
            "http://p.test\x00",
        ),
    ],
)
def test_an_unusable_proxy_is_an_error_that_names_the_variable_and_not_its_value(value: str) -> None:
    rules = ProxyRules({"https_proxy": value, "NO_PROXY": "skip.test"})
    assert rules.proxy_for(origin_of("https://skip.test")) is None
    with pytest.raises(RequestError) as caught:
        rules.proxy_for(ACME)
    assert caught.value.code == "net.proxy-variable"
    assert "https_proxy" in caught.value.message
    assert "p.test" not in caught.value.message
    assert "s3cret" not in repr(caught.value.to_dict())


# --- headers and secrets ---------------------------------------------------------------------------------------------


def test_headers_compare_names_without_letter_case_and_join_repeats() -> None:
    headers = Headers([("Content-Type", "a/b"), ("X-Many", "1"), ("x-many", "2")])
    assert headers["CONTENT-TYPE"] == "a/b"
    assert headers["X-Many"] == "1, 2"
    assert "content-Type" in headers
    assert 1 not in headers  # type: ignore[comparison-overlap]
    assert list(headers) == ["content-type", "x-many"]
    assert len(headers) == 2
    assert headers.get("absent") is None
    assert repr(headers) == "<Headers content-type, x-many>"
    assert repr(Headers()) == "<Headers (none)>"
    assert Headers({"A": "b"})["a"] == "b"


BAD_HEADERS: list[dict[str, str]] = [
    {"": "x"},
    {"a b": "x"},
    {"a:": "x"},
    {"a\r\nb": "x"},
    {"é": "x"},
    {"X-A": "a\r\nEvil: 1"},
    {"X-A": "a\nb"},
    {"X-A": "a\x00"},
    {"X-A": "é"},
    {"X-A": " a"},
    {"X-A": "a\t"},
    {"X-A": "a" * (MAX_HEADER + 1)},
    {"X-A": "1", "x-a": "2"},
    {"Host": "evil.test"},
    {"content-length": "0"},
    {"Transfer-Encoding": "chunked"},
    {"Connection": "close"},
    {"Cookie": "a=b"},
    {"Accept-Encoding": "br"},
    {"Proxy-Authorization": "Basic x"},
    {"Proxy-Connection": "close"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"Forwarded": "for=127.0.0.1"},
    {"Expect": "100-continue"},
    {"TE": "trailers"},
    {"Upgrade": "h2c"},
    {f"X-{number}": "1" for number in range(MAX_HEADERS + 1)},
]


@pytest.mark.parametrize("headers", BAD_HEADERS)
def test_a_header_that_cannot_be_sent_is_refused_openly_and_as_a_secret(headers: dict[str, str]) -> None:
    with pytest.raises(RequestError) as openly:
        check_headers(headers)
    with pytest.raises(RequestError) as as_secret:
        BoundAuth(ACME, headers)
    assert openly.value.code == as_secret.value.code == "net.header"


@pytest.mark.parametrize("name", ["Authorization", "authorization", "x-api-key", "API-Key", "X-Goog-Api-Key"])
def test_a_header_with_a_secret_is_taken_only_with_an_origin(name: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_headers({name: "s3cret"})
    assert caught.value.code == "net.header"
    assert "s3cret" not in str(caught.value)
    assert BoundAuth(ACME, {name: "s3cret"}).headers_for(ACME) == {name: "s3cret"}


def test_good_headers_are_copied() -> None:
    given = {"Accept": "application/json", "anthropic-version": "2023-06-01", "X-Empty": ""}
    taken = check_headers(given)
    assert taken == given
    assert taken is not given


@pytest.mark.parametrize(
    "url",
    ["http://api.acme.test", "https://api.acme.test:8443", "https://acme.test", "https://api.acme.test.evil.test"],
)
def test_bound_secrets_are_given_to_their_origin_only(url: str) -> None:
    auth = BoundAuth("https://API.acme.test/v1", {"Authorization": "Bearer s3cret"})
    assert auth.origin == ACME
    assert auth.headers_for(ACME) == {"Authorization": "Bearer s3cret"}
    with pytest.raises(RequestError) as caught:
        auth.headers_for(origin_of(url))
    assert caught.value.code == "net.foreign-origin"
    assert "s3cret" not in str(caught.value)


def test_bound_secrets_do_not_show() -> None:
    auth = BoundAuth(ACME, {"Authorization": "Bearer s3cret", "X-Org": "s3cret"})
    assert repr(auth) == "<BoundAuth https://api.acme.test: Authorization, X-Org>"
    assert not hasattr(auth, "__dict__")
    auth.headers_for(ACME)["Authorization"] = "changed"
    assert auth.headers_for(ACME)["Authorization"] == "Bearer s3cret"


# --- request bodies --------------------------------------------------------------------------------------------------


def test_a_request_has_no_body_or_one() -> None:
    assert encode_body(None, None, None) == (None, None)
    assert encode_body({"a": "é", "b": [1, True, None]}, None, None) == (
        b'{"a":"\\u00e9","b":[1,true,null]}',
        "application/json",
    )
    assert encode_body([], None, None) == (b"[]", "application/json")
    assert encode_body(None, None, b"\x00\xff") == (b"\x00\xff", "application/octet-stream")
    form, content_type = encode_body(None, {"a": "1 2&3", "é": "ü+"}, None)
    assert content_type == "application/x-www-form-urlencoded"
    assert form is not None
    assert parse_qsl(form.decode()) == [("a", "1 2&3"), ("é", "ü+")]


@pytest.mark.parametrize("parts", [({}, {}, None), ({}, None, b""), (None, {}, b""), ({}, {}, b"")])
def test_two_bodies_are_refused(parts: tuple[Any, Any, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        encode_body(*parts)
    assert caught.value.code == "net.body"


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", _nested(100_000)], ids=range(5))
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(RequestError) as caught:
        encode_body(value, None, None)
    assert caught.value.code == "net.body"


# --- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("", "é".encode(), "é"),
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ('text/plain; charset="UTF-8"', "é".encode(), "é"),
        ("text/plain; charset=no-such-thing", "é".encode(), "é"),
        ("text/plain; charset=rot13", b"abc", "abc"),
        ("text/plain; charset=base64", b"abc", "abc"),
        ("text/plain", b"\xff!", "�!"),
    ],
)
def test_text_follows_the_charset_and_never_fails(content_type: str, body: bytes, text: str) -> None:
    assert Response(200, {"Content-Type": content_type}, body).text() == text


def test_json_is_read_as_utf8_whatever_the_charset_says() -> None:
    assert Response(200, {"Content-Type": "application/json; charset=latin-1"}, '{"a":"é"}'.encode()).json() == {
        "a": "é"
    }
    assert Response(200, {}, b"\xef\xbb\xbf[1]").json() == [1]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"token": "s3cret"', b"NaN", b"[Infinity]", b"\xff", b"[" * 200_000], ids=range(7)
)
def test_what_is_not_json_is_a_protocol_error_that_does_not_quote_the_body(body: bytes) -> None:
    with pytest.raises(RemoteError) as caught:
        Response(200, {}, body, "https://api.acme.test/token?code=s3cret").json()
    assert caught.value.code == "net.protocol"
    assert caught.value.message == "The answer of https://api.acme.test is not JSON."
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("status", "ok"), [(199, False), (200, True), (204, True), (299, True), (300, False), (500, False)]
)
def test_an_answer_is_ok_from_200_to_299(status: int, ok: bool) -> None:
    assert Response(status, {}, b"").ok is ok


def test_an_answers_repr_shows_neither_body_nor_query() -> None:
    response = Response(200, {"X-Token": "s3cret"}, b"s3cret", "https://api.acme.test/v1?key=s3cret", 0.5)
    assert repr(response) == "<Response 200 from https://api.acme.test, 6 bytes>"
    assert repr(Response(204, {}, b"")) == "<Response 204 from the server, 0 bytes>"


# --- bodies as they come in ------------------------------------------------------------------------------------------


def _decoded(encoding: str, pieces: list[bytes], max_bytes: int = 1 << 20) -> bytes:
    decoder = Decoder(encoding, max_bytes, ACME)
    out = b"".join(itertools.chain.from_iterable(decoder.feed(piece) for piece in pieces))
    decoder.finish()
    return out


@st.composite
def _cut_up(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    parts = draw(st.lists(st.binary(max_size=300) | st.integers(0, 300_000).map(lambda n: b"a" * n), max_size=3))
    packed = b"".join(gzip.compress(part) for part in parts)
    cuts = sorted(draw(st.lists(st.integers(0, len(packed)), max_size=4)))
    return b"".join(parts), [packed[a:b] for a, b in itertools.pairwise([0, *cuts, len(packed)])]


@settings(max_examples=100, deadline=None)
@given(_cut_up())
def test_gzip_is_read_however_it_is_cut_and_joined(case: tuple[bytes, list[bytes]]) -> None:
    plain, pieces = case
    assert _decoded("gzip", pieces) == plain


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 131_072, 1_000_000])
def test_output_that_fills_a_piece_exactly_is_not_lost(size: int) -> None:
    assert _decoded("x-gzip", [gzip.compress(b"z" * size)]) == b"z" * size


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_plain_body_passes_as_it_is(encoding: str) -> None:
    assert _decoded(encoding, [b"ab", b"", b"c"]) == b"abc"


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "compress"])
def test_an_encoding_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(RemoteError) as caught:
        Decoder(encoding, 10, ACME)
    assert caught.value.code == "net.protocol"


@pytest.mark.parametrize(
    "pieces",
    [[b"not gzip at all"], [gzip.compress(b"abc")[:-3]], [gzip.compress(b"abc") + b"tail"], [zlib.compress(b"abc")]],
)
def test_broken_gzip_is_a_protocol_error(pieces: list[bytes]) -> None:
    with pytest.raises(RemoteError) as caught:
        _decoded("gzip", pieces)
    assert caught.value.code == "net.protocol"


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_the_limit_counts_what_comes_out_and_is_exact(encoding: str) -> None:
    def pack(data: bytes) -> bytes:
        return gzip.compress(data) if encoding else data

    assert _decoded(encoding, [pack(b"x" * 100)], max_bytes=100) == b"x" * 100
    with pytest.raises(RemoteError) as caught:
        _decoded(encoding, [pack(b"x" * 101)], max_bytes=100)
    assert caught.value.code == "net.too-large"
    assert caught.value.message == "The answer of https://api.acme.test is larger than 100 bytes."


def test_a_bomb_is_stopped_before_it_unfolds() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(64)) + packer.flush()
    assert len(bomb) < 100_000
    decoder = Decoder("gzip", 1_000_000, ACME)
    given_out = 0
    pieces = decoder.feed(bomb)
    while given_out <= 1_000_000 - 65_536:
        piece = next(pieces)
        assert len(piece) <= 65_536
        given_out += len(piece)
    with pytest.raises(RemoteError, match="larger than 1000000 bytes"):
        next(pieces)


def test_compressed_data_that_gives_nothing_is_limited_as_well() -> None:
    empty = gzip.compress(b"") * 1_000
    decoder = Decoder("gzip", 1_000, ACME)
    assert [list(decoder.feed(empty)) for _ in range(3)] == [[], [], []]
    with pytest.raises(RemoteError) as caught:
        list(decoder.feed(empty))
    assert caught.value.code == "net.too-large"


# --- addresses a name resolves to ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "addresses", "allowed", "code"),
    [
        ("api.acme.test", ["8.8.8.8"], False, None),
        ("api.acme.test", ["8.8.8.8", "2606:4700::1111"], False, None),
        ("api.acme.test", ["10.0.0.1"], True, None),
        ("api.acme.test", ["127.0.0.1"], True, None),
        ("localhost", ["127.0.0.1", "::1"], False, None),
        ("api.acme.test", ["169.254.169.254"], False, "net.forbidden-address"),
        ("api.acme.test", ["169.254.169.254"], True, "net.forbidden-address"),
        ("api.acme.test", ["8.8.8.8", "169.254.169.254"], True, "net.forbidden-address"),
        ("api.acme.test", ["::ffff:169.254.169.254"], True, "net.forbidden-address"),
        ("api.acme.test", ["fe80::1%eth0"], True, "net.forbidden-address"),
        ("api.acme.test", ["fd00:ec2::254"], True, "net.forbidden-address"),
        ("api.acme.test", ["0.0.0.0"], True, "net.forbidden-address"),
        ("localhost", ["8.8.8.8"], True, "net.forbidden-address"),
        ("localhost", ["127.0.0.1", "10.0.0.1"], True, "net.forbidden-address"),
        ("api.acme.test", ["127.0.0.1"], False, "net.private-address"),
        ("api.acme.test", ["::1"], False, "net.private-address"),
        ("api.acme.test", ["::ffff:7f00:1"], False, "net.private-address"),
        ("api.acme.test", ["8.8.8.8", "10.0.0.1"], False, "net.private-address"),
        ("api.acme.test", ["100.64.0.1"], False, "net.private-address"),
        ("api.acme.test", ["fd12::1"], False, "net.private-address"),
    ],
)
def test_one_bad_address_refuses_the_name(host: str, addresses: list[str], allowed: bool, code: str | None) -> None:
    from jackfield.net.transport import check_addresses

    if code is None:
        check_addresses(host, addresses, private_allowed=allowed)
        return
    with pytest.raises(RemoteError) as caught:
        check_addresses(host, addresses, private_allowed=allowed)
    assert caught.value.code == code


# --- errors of the system --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TimeoutError(), "net.timeout"),
        (OSError(errno.ECONNREFUSED, "x"), "net.refused"),
        (OSError(f"Multiple exceptions: [Errno 99] x, [Errno {errno.ECONNREFUSED}] y"), "net.refused"),
        (OSError("Multiple exceptions: [Errno 99] x, [Errno 98] y"), "net.unreachable"),
        (OSError(errno.ENETUNREACH, "x"), "net.unreachable"),
        (OSError(errno.EHOSTUNREACH, "x"), "net.unreachable"),
        (OSError(errno.EMFILE, "Too many open files"), "net.unreachable"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "net.reset"),
        (BrokenPipeError(errno.EPIPE, "x"), "net.reset"),
        (ssl.SSLError(1, "x"), "net.tls"),
    ],
)
def test_a_system_error_gets_a_code_and_names_the_origin(error: OSError, code: str) -> None:
    from jackfield.net.transport import explain

    told = explain(error, ACME, None)
    assert told.code == code
    assert "https://api.acme.test" in told.message
    assert told.message.endswith(".")


def test_the_system_is_not_asked_for_localhost(monkeypatch: pytest.MonkeyPatch) -> None:
    from jackfield.net import transport

    def fail(*args: object, **kwargs: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    assert run_sync(transport._ask_system("localhost", 80)) == ("127.0.0.1", "::1")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "203.0.113.7"])
def test_the_system_gives_the_addresses_of_a_name(address: str) -> None:
    from jackfield.net import transport

    assert run_sync(transport._ask_system(address, 80)) == [address]


# --- the system's certificate authorities ----------------------------------------------------------------------------


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A system whose compiled-in folder and bundles are all below the returned folder; none exists yet."""
    paths = ssl.DefaultVerifyPaths("", "", "", str(tmp_path / "compiled.pem"), "", str(tmp_path / "certs"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: paths)
    monkeypatch.setattr(trust, "_SYSTEM_BUNDLES", (str(tmp_path / "first.pem"), str(tmp_path / "second.pem")))
    return tmp_path


def _subjects(context: ssl.SSLContext) -> int:
    return len(context.get_ca_certs())


def test_a_system_without_authorities_is_an_error(system: Path) -> None:
    (system / "certs").mkdir()
    with pytest.raises(RequestError) as caught:
        trust.tls_context({})
    assert caught.value.code == "net.ca-file"
    assert "SSL_CERT_FILE" in (caught.value.fix or "")


@pytest.mark.parametrize("name", ["compiled.pem", "first.pem", "second.pem"])
def test_the_first_bundle_there_is_counts(system: Path, name: str) -> None:
    Authority().pem_file(system, name)
    context = trust.tls_context({})
    assert _subjects(context) == 1
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_only_one_bundle_is_read(system: Path) -> None:
    Authority().pem_file(system, "first.pem")
    Authority().pem_file(system, "second.pem")
    assert _subjects(trust.tls_context({})) == 1


def test_a_folder_alone_is_enough(system: Path) -> None:
    (system / "certs").mkdir()
    Authority().pem_file(system / "certs")
    assert _subjects(trust.tls_context({})) == 0


def test_a_replaced_store_does_not_need_the_systems(system: Path, tmp_path: Path) -> None:
    own = Authority().pem_file(tmp_path, "own.pem")
    assert _subjects(trust.tls_context({"CURL_CA_BUNDLE": own})) == 1
    assert _subjects(trust.tls_context({"CURL_CA_BUNDLE": own, "NODE_EXTRA_CA_CERTS": own})) == 1
    assert (
        _subjects(trust.tls_context({"CURL_CA_BUNDLE": own, "NODE_EXTRA_CA_CERTS": Authority().pem_file(tmp_path)}))
        == 2
    )


# --- the client's own arguments --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_deadline_is_a_positive_number(seconds: float) -> None:
    with pytest.raises(RequestError) as caught:
        HttpClient(env={}, user_agent="t", connect_timeout_s=seconds)
    assert caught.value.code == "net.deadline"


@pytest.mark.parametrize("user_agent", ["a\r\nEvil: 1", "é", " "])
def test_a_user_agent_must_be_a_header_value(user_agent: str) -> None:
    with pytest.raises(RequestError) as caught:
        HttpClient(env={}, user_agent=user_agent)
    assert caught.value.code == "net.header"


def test_a_client_that_is_not_open_says_so() -> None:
    client = HttpClient(env={}, user_agent="t")
    with pytest.raises(InternalError) as caught:
        run_sync(client.request("GET", "http://127.0.0.1:9", deadline_s=1))
    assert caught.value.code == "internal.client-closed"


def test_a_client_is_opened_once() -> None:
    async def main() -> None:
        async with HttpClient(env={}, user_agent="t") as client, client:
            pass

    with pytest.raises(InternalError) as caught:
        run_sync(main())
    assert caught.value.code == "internal.client-open"


def test_a_private_origin_must_be_a_url() -> None:
    with pytest.raises(RequestError) as caught:
        HttpClient(env={}, user_agent="t", private_origins=["https://127.1"])
    assert caught.value.code == "url.numeric-host"


# --- the sync edge ---------------------------------------------------------------------------------------------------

VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


async def _double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def _fail() -> None:
    await asyncio.sleep(0)
    raise RemoteError("No.", code="net.reset")


async def _variable() -> str:
    return VARIABLE.get()


def test_a_coroutine_is_run_without_a_loop() -> None:
    assert run_sync(_double(4)) == 8
    with pytest.raises(RemoteError, match=r"No\."):
        run_sync(_fail())


def test_a_coroutine_is_run_beside_a_running_loop() -> None:
    async def main() -> tuple[int, str]:
        VARIABLE.set("seen")
        with pytest.raises(RemoteError, match=r"No\."):
            run_sync(_fail())
        return run_sync(_double(4)), run_sync(_variable())

    assert asyncio.run(main()) == (8, "seen")


def test_a_coroutine_is_run_from_a_callback_that_is_no_task() -> None:
    async def main() -> int:
        result: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: result.set_result(run_sync(_double(5))))
        return await result

    assert asyncio.run(main()) == 10


def test_cancelling_the_calling_task_cancels_the_coroutine_and_waits_for_its_cleaning_up() -> None:
    seen: list[str] = []

    async def main() -> None:
        caller = asyncio.current_task()
        assert caller is not None

        async def endless() -> None:
            seen.append("started")
            caller.cancel()
            try:
                await asyncio.Event().wait()
            finally:
                seen.append("cleaned")

        run_sync(endless())

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert seen == ["started", "cleaned"]


# --- importing -------------------------------------------------------------------------------------------------------


def test_importing_the_package_imports_no_network_code() -> None:
    heavy = ["aiohttp", "asyncio", "ssl", "socket", "yarl", "dataclasses", "ipaddress", "urllib.parse", "json", "zlib"]
    code = f"import sys, jackfield.net; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _with_path(code)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def _with_path(code: str) -> str:
    return f"import sys; sys.path.insert(0, {str(Path(jackfield.net.__file__).parents[2])!r}); {code}"


def test_the_public_names_are_these() -> None:
    assert jackfield.net.__all__ == [
        *("BoundAuth", "Headers", "HttpClient", "Origin", "Response", "Stream"),
        *("check_base_url", "origin_of", "run_sync"),
    ]
    assert all(hasattr(jackfield.net, name) for name in jackfield.net.__all__)
