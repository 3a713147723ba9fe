"""What holds for all tests: no setting of the machine reaches them, and a slow machine changes nothing."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# A shared machine may stall for longer than any deadline; how long a property takes is not what it is about.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# In CI a failure must be the change's and not the dice's.
settings.register_profile("ci", parent=settings.get_profile("default"), derandomize=True)
# For hours rather than minutes: `make fuzz`.
settings.register_profile("long", parent=settings.get_profile("default"), max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))


def _hide_this_machine() -> None:
    """Take the user's home, keys, proxies and keyring out of the environment, also of child processes."""
    for name in list(os.environ):
        private = name.startswith("JACKFIELD_") or name.endswith(("_API_KEY", "_OAUTH_TOKEN"))
        if private or name.lower() in {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}:
            del os.environ[name]
    os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"


_hide_this_machine()


def pytest_configure() -> None:
    """Let Ctrl-C reach the programs that the tests start: a shell lets those in the background ignore it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
