"""Opening web pages for the user, and telling whether this machine is one whose browser the user sees.

The opener gets http and https addresses only, as one argument and without a shell (RFC 8252, section 8.1 asks for the
system's browser).
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

from jackfield.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_REMOTE = ("SSH_CLIENT", "SSH_TTY", "SSH_CONNECTION", "REMOTE_CONTAINERS", "CODESPACES")
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
_WSL = ("WSL_DISTRO_NAME", "WSL_INTEROP", "WSLENV")
# A command that cannot open a page says so at once; one that runs on is the browser.
_FAILS_WITHIN_S = 0.5


class Browser:
    """Opens pages in the user's browser.

    Args:
        env: the environment; `$BROWSER` names a command (`%s` stands for the address; several are parted by `:`).
        enabled: False opens nothing, and the user opens the page by hand.
        platform: as `sys.platform`.
    """

    def __init__(self, env: Mapping[str, str], *, enabled: bool = True, platform: str = sys.platform) -> None:
        self._env = env
        self._enabled = enabled
        self.remote = is_remote(env, platform)
        """Whether a browser started here would not be seen by the user: a remote session, or no display."""

    async def open(self, url: str) -> bool:
        """Open a page, and tell whether a browser was started.

        Raises:
            RequestError: `url.scheme` for anything that is not an http or https address.
        """
        if not url.lower().startswith(("https://", "http://")) or not url.isprintable() or " " in url:
            message = "Only http and https addresses are opened in the browser."
            raise RequestError(message, code="url.scheme")
        if not self._enabled:
            return False
        commands = [each for each in self._env.get("BROWSER", "").split(":") if each.strip()]
        if commands:
            return await asyncio.to_thread(_run_first, [_command(each, url) for each in commands])
        return not self.remote and await asyncio.to_thread(_open_default, url)


def is_remote(env: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Tell whether this is a session whose user sits elsewhere: SSH, a container, or Linux without a display."""
    if any(env.get(name) for name in _REMOTE):
        return True
    has_display = any(env.get(name) for name in (*_DISPLAYS, *_WSL))
    return platform.startswith("linux") and not has_display


def _command(text: str, url: str) -> list[str]:
    words = shlex.split(text)
    return [each.replace("%s", url) for each in words] if any("%s" in each for each in words) else [*words, url]


def _run_first(commands: Sequence[list[str]]) -> bool:
    return any(_starts(each) for each in commands)


def _starts(command: list[str]) -> bool:
    """Start a command, and tell whether it runs on or ended well."""
    ended = threading.Event()
    failed = False

    def run() -> None:
        nonlocal failed
        try:
            status = subprocess.call(  # noqa: S603 - the user's own $BROWSER, without a shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            failed = status != 0
        except (OSError, ValueError):
            failed = True
        ended.set()

    # Waited for beside the program, so that a browser that is closed later leaves no zombie.
    threading.Thread(target=run, name="jackfield-browser", daemon=True).start()
    ended.wait(_FAILS_WITHIN_S)
    return not failed


def _open_default(url: str) -> bool:
    import webbrowser

    with contextlib.suppress(webbrowser.Error):
        return webbrowser.open(url)
    return False
