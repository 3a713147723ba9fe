"""Where files live: the config file, the credential store, plugins and state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jackfield.errors import ConfigError
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

    With `$JACKFIELD_HOME` everything is in that folder; else in the folders that `$XDG_CONFIG_HOME`, `$XDG_DATA_HOME`
    and `$XDG_STATE_HOME` name (XDG Base Directory Specification; relative ones do not count), else in the platform's
    folders, as the platformdirs library finds them. `$JACKFIELD_CONFIG` names another config file in any case. A
    leading `~` is expanded; blank counts as unset.

    Raises:
        ConfigError: `config.no-home` when a path starts with `~name` and there is no user of that name, or when
            nothing tells what the home folder is.
    """
    home = _folder(env, "JACKFIELD_HOME")
    if home is not None:
        config_dir = data_dir = state_dir = home
    else:
        config_dir, data_dir, state_dir = _platform_folders(env)
    return Paths(
        config_file=_folder(env, "JACKFIELD_CONFIG") or config_dir / "config.json5",
        store_file=data_dir / "credentials.sqlite3",
        plugins_dir=data_dir / "plugins",
        state_dir=state_dir if home is None else home / "state",
    )


def _platform_folders(env: Mapping[str, str]) -> tuple[Path, Path, Path]:
    """Return the folders of config, data and state."""
    import platformdirs

    try:
        # platformdirs looks at this process's variables; those that were handed in come first.
        return (
            _xdg(env, "XDG_CONFIG_HOME") or platformdirs.user_config_path(APP_NAME, appauthor=False),
            _xdg(env, "XDG_DATA_HOME") or platformdirs.user_data_path(APP_NAME, appauthor=False),
            _xdg(env, "XDG_STATE_HOME") or platformdirs.user_state_path(APP_NAME, appauthor=False),
        )
    except RuntimeError as error:
        message = "There is no home folder: HOME is not set, and the system knows none for this user."
        fix = "Set JACKFIELD_HOME to a folder of your own; everything is kept in it then."
        raise ConfigError(message, code="config.no-home", fix=fix) from error


def _folder(env: Mapping[str, str], variable: str) -> Path | None:
    text, home = env.get(variable, "").strip(), env.get("HOME", "").strip()
    if not text:
        return None
    if home and (text == "~" or text.startswith("~/")):
        text = home + text[1:]
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        message = f"${variable} starts with the home folder of a user who is not known here."
        raise ConfigError(message, code="config.no-home", fix=f"Write the whole path into {variable}.") from error


def _xdg(env: Mapping[str, str], variable: str) -> Path | None:
    text = env.get(variable, "").strip()
    return Path(text) / APP_NAME if text and Path(text).is_absolute() else None
