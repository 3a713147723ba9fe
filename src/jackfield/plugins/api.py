"""What a plugin written in Python is given: everything its author has to know stands on this page.

A plugin is one file (or a folder with a manifest) with a function `register`. It runs in a process of its own: it may
print, block, import what it likes or fail, and hurts nobody but itself. It registers providers and nothing else::

    def register(api):
        api.register_provider({
            "id": "acme",                                   # canonical: a-z, 0-9, . - _
            "label": "Acme AI",
            "aliases": ["acme-ai"],                         # optional, like all that follows
            "docs_path": "/providers/acme",
            "env_vars": ["ACME_KEY"],                       # read for a key when there is no login
            "models": {"base_url": "https://api.acme.example/v1", "api": "openai-completions",
                       "models": [{"id": "acme-1", "name": "Acme 1"}]},
            "auth": [{"id": "api-key", "label": "API key", "kind": "api_key", "run": login}],
            "format_api_key": lambda credential: credential["key"],      # how a request carries the credential
            "refresh_oauth": renew,                         # takes an oauth credential, returns the new one
        })

    async def login(ctx):                                   # or plain `def`: see below
        key = await ctx.prompter.secret("Acme API key", validate=lambda text: None if text.strip() else "Required")
        return {
            "profiles": [{"profile_id": "acme:default",
                          "credential": {"type": "api_key", "provider": "acme", "key": key.strip()}}],
            "config_patch": {"models": {"providers": {"acme": {...}}}},  # checked: a plugin changes its own entry only
            "default_model": "acme/acme-1",
            "notes": ["Keys are made at https://acme.example/keys"],
        }

Names are written in snake_case or in camelCase (`registerProvider`, `docsPath`, `configPatch`), as you like. `kind` is
one of oauth, api_key, token, device_code and custom. Credentials are spelled as the store spells them: `api_key` (key),
`token` (token, expires), `oauth` (access, refresh, expires); times in ms since the epoch. In place of the dict, an
object with those attributes will do, or a whole `jackfield.Provider` block with `run={method id: function}` beside it.

The context of a login has `config` (a copy, without secrets), `agent_dir`, `workspace_dir`, `is_remote` (no browser
can be opened here), `open_url(url)`, `runtime` (`log`, `error`, `exit`), `oauth.create_vps_aware_handlers(...)` and
`prompter`:

    intro(title)  outro(message)  note(message, title=None)
    text(message, initial=None, placeholder=None, validate=None) -> str
        `validate` takes the line and returns a complaint or None; a ValueError that it raises is a complaint too
    secret(message, validate=None) -> str, not shown while typed
    select(message, options, initial=None) -> the value; options are {"value", "label", "hint"}, or texts
    multiselect(message, options, initial=()) -> list of values
    confirm(message, initial=False) -> bool
    progress(label) -> an object with update(message) and stop(message=None)

One rule for all that waits (every prompt but `progress`, and `open_url`): in an `async def` it is awaited; in a plain
function it blocks and returns its answer. When the user ends the login it raises `WizardCancelledError`.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would take as long as starting the process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jackfield.plugins.pyerrors import WizardCancelledError
    from jackfield.plugins.pysurface import Staging

    Run = Callable[..., object]


__all__ = ["Logger", "PluginApi", "WizardCancelledError"]


class Logger:
    """Passes messages on to the program, which shows or keeps them: `debug`, `info`, `warn` (`warning`), `error`."""

    def __init__(self, send: Callable[[str, str], None]) -> None:
        self._send = send

    def debug(self, message: object) -> None:
        """Tell what helps to find a fault."""
        self._send("debug", str(message))

    def info(self, message: object) -> None:
        """Tell what happens."""
        self._send("info", str(message))

    def warn(self, message: object) -> None:
        """Tell what may be wrong."""
        self._send("warn", str(message))

    warning = warn

    def error(self, message: object) -> None:
        """Tell what is wrong."""
        self._send("error", str(message))


class PluginApi:
    """What `register` gets. Registrations count when `register` has returned; when it raises, none does.

    Attributes:
        id, name, version, description: as in the manifest; all but the id may be None.
        source: path of the file that was loaded.
        config: the user's config as a copy of its own, without secrets.
        plugin_config: what the user configured for this plugin, None when that is nothing.
        logger: see `Logger`.
    """

    def __init__(self, about: Mapping[str, object], staging: Staging, logger: Logger) -> None:
        self.id, self.name, self.version = about.get("id"), about.get("name"), about.get("version")
        self.description, self.source = about.get("description"), about.get("source")
        self.config, self.plugin_config = about.get("config"), about.get("pluginConfig")
        self.logger = logger
        self._staging = staging

    def register_provider(
        self,
        provider: object,
        *,
        run: Run | Mapping[str, Run] | None = None,
        format_api_key: Run | None = None,
        refresh_oauth: Run | None = None,
    ) -> None:
        """Register a provider: a dict as above, an object with those attributes, or a `jackfield.Provider` block.

        Args:
            provider: it is read at once; changing it afterwards changes nothing.
            run: for a block, the functions that carry out its methods by method id, or the one of its only method.
            format_api_key, refresh_oauth: for a block, what a dict has under these names.

        Raises:
            PluginError: `plugin.late` when `register` has returned already.
        """
        self._staging.add(provider, run, format_api_key, refresh_oauth)

    def resolve_path(self, path: str) -> str:
        """Return `path` absolute, with `~` expanded."""
        import os

        return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - pathlib costs start-up time here

    def __getattr__(self, name: str) -> object:
        """Return what a camelCase name means. Registrations of other things are accepted, noted, and do nothing."""
        if name in _SPELLINGS:
            value: object = getattr(self, _SPELLINGS[name])
            return value
        return self._staging.other(name)


_SPELLINGS = {
    "registerProvider": "register_provider",
    "pluginConfig": "plugin_config",
    "resolvePath": "resolve_path",
}


def __getattr__(name: str) -> object:
    if name == "WizardCancelledError":
        from jackfield.plugins.pyerrors import WizardCancelledError

        return WizardCancelledError
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
