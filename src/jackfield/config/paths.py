"""Where files live: the config file, the credential store, plugins and state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

APP_NAME = "jackfield"


@record
class Paths:
    """The files of one user.

    Attributes:
        config_file: JSON5; `$JACKFIELD_CONFIG`, else `config.json5` in the config folder.
        store_file: the SQLite credential store.
        plugins_dir: the user's own plugins.
        state_dir: what can be lost without harm.
    """

    config_file: Path
    store_file: Path
    plugins_dir: Path
    state_dir: Path


def find_paths(env: Mapping[str, str]) -> Paths:
    """Return where the files of the user with this environment live; creates nothing.

    With `$JACKFIELD_HOME` everything is in that folder; else in the platform's folders (XDG on Linux, `~/Library` on
    macOS, as the platformdirs library finds them). `$JACKFIELD_CONFIG` names another config file in any case. A leading
    `~` is expanded; blank counts as unset.
    """
    home = _folder(env.get("JACKFIELD_HOME"))
    if home is not None:
        config_dir = data_dir = state_dir = home
    else:
        import platformdirs

        config_dir = platformdirs.user_config_path(APP_NAME, appauthor=False)
        data_dir = platformdirs.user_data_path(APP_NAME, appauthor=False)
        state_dir = platformdirs.user_state_path(APP_NAME, appauthor=False)
    return Paths(
        config_file=_folder(env.get("JACKFIELD_CONFIG")) or config_dir / "config.json5",
        store_file=data_dir / "credentials.sqlite3",
        plugins_dir=data_dir / "plugins",
        state_dir=state_dir if home is None else home / "state",
    )


def _folder(text: str | None) -> Path | None:
    return Path(text.strip()).expanduser().absolute() if text and text.strip() else None
