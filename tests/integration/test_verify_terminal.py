"""`jackfield verify` in a real terminal: progress while it asks, and a table at the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.cli import RIGHT_KEY, WRONG_KEY, Cli, leaks, model_server

if TYPE_CHECKING:
    from pathlib import Path


def test_progress_is_shown_while_providers_are_asked_and_a_table_at_the_end(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    with model_server(RIGHT_KEY) as server:
        url = f"{server.url}/v1"
        entries = {"good": {"baseUrl": url, "apiKey": RIGHT_KEY}, "bad": {"baseUrl": url, "apiKey": WRONG_KEY}}
        cli.write_config(json.dumps({"models": {"providers": entries}}))
        with cli.terminal("verify", columns=140) as screen:
            screen.expect("Asking the providers")
            screen.expect("bad +.*✗ refused")
            screen.expect("good +.*✓ accepted")
            screen.wait()
            assert screen.exitstatus == 1
            assert leaks(screen.logfile_read.getvalue(), WRONG_KEY) == []
