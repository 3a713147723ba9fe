"""The core voice providers: one file each, holding one `PROVIDER` block. Adding a file adds a provider."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jackfield.voice.block import VoiceProvider


def core_voice_providers() -> tuple[VoiceProvider, ...]:
    """Return the block of every module in this package, sorted by module name."""
    return tuple(import_module(f"{__name__}.{name}").PROVIDER for name in _module_names())


def _module_names() -> list[str]:
    # pkgutil.iter_modules knows zip files too, but it imports inspect: 10 ms at every start.
    if os.path.isdir(__path__[0]):  # noqa: PTH112 - pathlib costs as much again
        files = (name for folder in __path__ for name in os.listdir(folder))  # noqa: PTH208
        return sorted({name[:-3] for name in files if name.endswith(".py") and not name.startswith("_")})
    from pkgutil import iter_modules

    return sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_"))
