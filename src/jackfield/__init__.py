"""Every AI provider on one panel: who they are, how to log in, where keys live, what a plugin may change.

Importing this package does no I/O, reads no environment and loads nothing: each public name is loaded when it is first
used.
"""

from importlib import import_module

TYPE_CHECKING = False  # what typing sets it to; importing typing would take longer than everything here

if TYPE_CHECKING:
    from jackfield.app import App
    from jackfield.diagnostics import Diagnostic
    from jackfield.errors import (
        BlockError,
        CancelledError,
        ConfigError,
        CredentialError,
        JackfieldError,
        RegistrationError,
        RemoteError,
        RequestError,
        StoreError,
        UnknownNameError,
    )
    from jackfield.providers.block import (
        Advisory,
        ApiKey,
        AuthMethod,
        Check,
        Cost,
        Discovery,
        EnvSet,
        EnvVars,
        Group,
        LegacyProfile,
        Model,
        OAuth,
        Provider,
        RuntimeTags,
        TokenExchange,
    )
    from jackfield.providers.registry import ProviderRegistry
    from jackfield.table import Owner, Trust

__version__ = "0.1.0"

_HOMES = {
    "jackfield.app": ("App",),
    "jackfield.diagnostics": ("Diagnostic",),
    "jackfield.errors": (
        "BlockError",
        "CancelledError",
        "ConfigError",
        "CredentialError",
        "JackfieldError",
        "RegistrationError",
        "RemoteError",
        "RequestError",
        "StoreError",
        "UnknownNameError",
    ),
    "jackfield.providers.block": (
        "Advisory",
        "ApiKey",
        "AuthMethod",
        "Check",
        "Cost",
        "Discovery",
        "EnvSet",
        "EnvVars",
        "Group",
        "LegacyProfile",
        "Model",
        "OAuth",
        "Provider",
        "RuntimeTags",
        "TokenExchange",
    ),
    "jackfield.providers.registry": ("ProviderRegistry",),
    "jackfield.table": ("Owner", "Trust"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Advisory",
    "ApiKey",
    "App",
    "AuthMethod",
    "BlockError",
    "CancelledError",
    "Check",
    "ConfigError",
    "Cost",
    "CredentialError",
    "Diagnostic",
    "Discovery",
    "EnvSet",
    "EnvVars",
    "Group",
    "JackfieldError",
    "LegacyProfile",
    "Model",
    "OAuth",
    "Owner",
    "Provider",
    "ProviderRegistry",
    "RegistrationError",
    "RemoteError",
    "RequestError",
    "RuntimeTags",
    "StoreError",
    "TokenExchange",
    "Trust",
    "UnknownNameError",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        message = f"module 'jackfield' has no attribute {name!r}"
        raise AttributeError(message)
    value: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
