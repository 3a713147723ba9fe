"""The web server for tests."""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from jackfield.testing import LocalServer


def fetch(url: str, data: bytes | None = None, method: str | None = None) -> tuple[int, object]:
    with urlopen(Request(url, data, {"X-Test": "Yes"}, method=method), timeout=10) as answer:
        return answer.status, json.load(answer)


def test_it_answers_what_it_was_given_and_remembers_the_requests() -> None:
    routes = {"GET /models": [1, 2], "POST /token": (201, {"key": "k"}), "DELETE /x": None}
    with LocalServer(routes) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert fetch(f"{server.url}/models?page=2") == (200, [1, 2])
        assert fetch(f"{server.url}/token", b"code=1") == (201, {"key": "k"})
        assert fetch(f"{server.url}/x", method="DELETE") == (200, None)
    assert [(each.method, each.path, each.body) for each in server.received] == [
        ("GET", "/models?page=2", b""),
        ("POST", "/token", b"code=1"),
        ("DELETE", "/x", b""),
    ]
    assert {each.headers["x-test"] for each in server.received} == {"Yes"}


@pytest.mark.parametrize(("path", "method"), [("/none", "GET"), ("/models", "POST"), ("/", "PUT")])
def test_everything_else_is_not_found(path: str, method: str) -> None:
    with LocalServer({"GET /models": {}}) as server, pytest.raises(HTTPError) as caught:
        fetch(server.url + path, method=method)
    with caught.value as answer:
        assert (answer.code, json.load(answer)) == (404, {"error": "not found"})


def test_after_its_end_nobody_answers() -> None:
    with LocalServer({"GET /": {}}) as server:
        url = server.url
    with pytest.raises(OSError, match="refused"):
        fetch(url)
