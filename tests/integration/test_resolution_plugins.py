"""Credentials of a provider that a plugin brings: the plugin renews them, and makes the key that is sent."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from jackfield.credentials.profile import OAuthCredential, Profile
from jackfield.credentials.secret import Secret
from support.cli import Cli
from support.plugins import install, world

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jackfield.app import App
    from support.plugins import World

HOUR = 3_600_000


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path) as running:
        yield running


@pytest.fixture
def app(tmp_path: Path, acme: World) -> Iterator[App]:
    cli = Cli(tmp_path, dict(acme.env))
    install(cli, "acme-cli-auth")
    with cli.app() as made:
        yield made


def store(app: App, acme: World, left: int) -> None:
    told = acme.server.issue()
    tokens = Secret(str(told["access_token"])), Secret(str(told["refresh_token"]))
    app.store.put(Profile("acme-cli:default", OAuthCredential(*tokens, app.clock() + left)))


def test_a_plugin_renews_a_grant_past_its_end_and_makes_the_key(app: App, acme: World) -> None:
    store(app, acme, -1)
    found = app.credentials.resolve("acme-cli")
    assert found.grant is not None
    assert found.secret is not None
    assert json.loads(found.secret.reveal()) == {"token": found.grant.reveal()}
    assert acme.server.is_live(found.grant.reveal())
    assert acme.server.counts.refreshes == 1
    assert app.credentials.resolve("acme-cli").grant == found.grant
    assert acme.server.counts.refreshes == 1


def test_a_plugin_renews_a_grant_that_was_turned_down(app: App, acme: World) -> None:
    store(app, acme, HOUR)
    old = app.credentials.resolve("acme-cli")
    new = asyncio.run(app.credentials.renew_rejected(old))
    assert new.grant is not None
    assert new.grant != old.grant
    assert acme.server.is_live(new.grant.reveal())
    assert acme.server.faults == []
