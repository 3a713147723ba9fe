"""The page of JSON shapes lists exactly the fields that `chat` and `verify` print."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from docs.pages import enter_clean_home
from docs.test_json import KEY, ask, shape_of, undocumented, unseen
from jackfield.app import App
from jackfield.credentials.profile import Profile, TokenCredential
from jackfield.credentials.secret import Secret
from support.models import CHAT, telling
from support.servers import HttpServer, answering

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    enter_clean_home(tmp_path, monkeypatch)
    folder = tmp_path / "jackfield"
    folder.mkdir()
    with App() as app:  # something that is passed over
        app.store.put(Profile("inhouse:old", TokenCredential(Secret("t"), 1)))
    return folder


def configure(home: Path, server: HttpServer) -> None:
    entry = {"baseUrl": server.url, "apiKey": KEY, "models": [{"id": "m-1"}]}
    (home / "config.json5").write_text(json.dumps({"models": {"providers": {"inhouse": entry}}}), encoding="utf-8")


def test_an_answer_has_the_shape_of_the_page(home: Path) -> None:
    with HttpServer(telling(CHAT)) as server:
        configure(home, server)
        found = ask("chat", "inhouse/m-1", "Hello?")
    shape = shape_of("jackfield chat")
    assert undocumented(found, shape) == []
    assert unseen(found, shape) == set()


def test_a_check_has_the_shape_of_the_page(home: Path) -> None:
    with HttpServer(answering(200, b'{"data": []}', {"Content-Type": "application/json"})) as server:
        configure(home, server)
        found = ask("verify", "inhouse")
    shape = shape_of("jackfield verify")
    assert undocumented(found, shape) == []
    assert unseen(found, shape) == set()
