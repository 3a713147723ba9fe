"""What of the environment a child may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "DISPLAY", "WAYLAND_DISPLAY"),
        *("SSH_CLIENT", "SSH_TTY", "SSH_CONNECTION", "REMOTE_CONTAINERS", "CODESPACES"),
        *("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT_ID"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    }
)
_PREFIXES = ("LC_", "XDG_", "WSL_")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def allowed_environment(env: Mapping[str, str], extra: Iterable[str] = ()) -> dict[str, str]:
    """Return the part of `env` that a child may have: where things are, the language, the network, and no secret.

    That is PATH, HOME, the user's name, language and time zone, folders (TMPDIR, XDG_*), whether and where there is a
    display, a remote session or a container, proxies and CA files, and the cloud project that requests are for. What
    loads code into a program (NODE_OPTIONS,
    PYTHONPATH, LD_PRELOAD, ...), keys and tokens are not among them. `NODE_USE_ENV_PROXY=1` is added when a proxy is
    set: without it Node.js passes over the proxy variables.

    Args:
        env: the environment to choose from.
        extra: names of further variables that this child needs.
    """
    wanted = _NAMES | set(extra)
    chosen = {name: value for name, value in env.items() if name in wanted or name.startswith(_PREFIXES)}
    chosen |= {name: value for name, value in env.items() if name.upper() in (*_PROXIES, "NO_PROXY")}
    if any(value.strip() for name, value in chosen.items() if name.upper() in _PROXIES):
        chosen["NODE_USE_ENV_PROXY"] = "1"
    return chosen
