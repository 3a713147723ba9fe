"""Our part of a config file as typed, read-only values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jackfield.ids import canonical_id
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INCLUDE = "$include"
"""The key by which an object takes in another file; see `jackfield.config.include`."""


@record
class ProviderSettings:
    """What the config says about one provider (`models.providers.<key>`); None where it says nothing.

    `key` is the entry's name as the file spells it; `api_key` may be a reference such as `${NAME}`.
    """

    key: str
    base_url: str | None = None
    api_key: str | None = None
    auth: str | None = None
    api: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    auth_header: bool | None = None
    models: tuple[Mapping[str, object], ...] = ()

    @property
    def path(self) -> tuple[str, ...]:
        """Where the entry stands in the file."""
        return ("models", "providers", self.key)


@record
class ProfileSettings:
    """One entry of `auth.profiles`: a credential profile's provider and mode."""

    id: str
    provider: str
    mode: str
    email: str | None = None


@record
class PluginEntry:
    """What `plugins.entries.<id>` says: whether it may run, and the config that is handed to it (None: none)."""

    id: str
    enabled: bool | None = None
    config: Mapping[str, object] | None = None


@record
class PluginSettings:
    """What the config says about plugins (`plugins`).

    Attributes:
        enabled: False keeps every plugin from being loaded.
        allow: ids that alone may be loaded; empty allows all. `deny` beats it.
        deny: ids that are never loaded.
        paths: files and folders in `load.paths`, as the file spells them.
        entries: what is said about single plugins, in the order of the file.
    """

    enabled: bool = True
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    entries: tuple[PluginEntry, ...] = ()

    def entry(self, plugin_id: str) -> PluginEntry | None:
        """Return what is said about one plugin."""
        return next((each for each in self.entries if each.id == plugin_id), None)


@record
class Settings:
    """Our part of the config.

    Attributes:
        mode: `merge` or `replace`: whether `providers` adds to the registered ones or hides them.
        providers: entries in the order of the file.
        default_model: the primary model ref, or None; `fallbacks` the ones after it.
        model_entries: refs in `agents.defaults.models`, each with its alias or None.
        profiles: entries of `auth.profiles`; `order`: explicit profile orders by provider as the file spells it.
        plugins: which plugins may be loaded, and from where.
    """

    mode: str = "merge"
    providers: tuple[ProviderSettings, ...] = ()
    default_model: str | None = None
    fallbacks: tuple[str, ...] = ()
    model_entries: tuple[tuple[str, str | None], ...] = ()
    profiles: tuple[ProfileSettings, ...] = ()
    order: tuple[tuple[str, tuple[str, ...]], ...] = ()
    plugins: PluginSettings = PluginSettings()

    def provider(self, names: Iterable[str]) -> ProviderSettings | None:
        """Return the entry for a provider known by `names` (its id first, then its aliases).

        The exact key wins, then the key in canonical spelling, then the first whose canonical form is one of `names`.
        """
        wanted = tuple(names)
        for key in wanted:
            for entry in self.providers:
                if entry.key == key:
                    return entry
        return next((entry for entry in self.providers if canonical_id(entry.key) in wanted), None)

    def order_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the explicit profile order for a provider known by `names`; empty when there is none."""
        wanted = set(names)
        return next((ids for key, ids in self.order if canonical_id(key) in wanted), ())


def read_settings(value: object) -> Settings:
    """Return our part of a config file's value; parts of a wrong type count as absent (`check_config` reports them)."""
    root = _object(value)
    models, auth = _object(root.get("models")), _object(root.get("auth"))
    defaults = _object(_object(root.get("agents")).get("defaults"))
    default = defaults.get("model")
    primary = default if isinstance(default, str) else _object(default).get("primary")
    mode = models.get("mode")
    return Settings(
        mode=mode if mode == "replace" else "merge",
        providers=tuple(_provider(key, _object(each)) for key, each in _object(models.get("providers")).items()),
        default_model=_text(primary),
        fallbacks=_texts(_object(default).get("fallbacks")),
        model_entries=tuple(
            (ref, _text(_object(each).get("alias"))) for ref, each in _object(defaults.get("models")).items()
        ),
        profiles=tuple(_profiles(_object(auth.get("profiles")))),
        order=tuple((key, _texts(ids)) for key, ids in _object(auth.get("order")).items()),
        plugins=_plugins(_object(root.get("plugins"))),
    )


def _plugins(value: Mapping[str, object]) -> PluginSettings:
    entries = []
    for name, each in _object(value.get("entries")).items():
        enabled, config = _object(each).get("enabled"), _object(each).get("config")
        entries.append(
            PluginEntry(
                name.strip(),
                enabled if isinstance(enabled, bool) else None,
                config if isinstance(config, dict) else None,
            )
        )
    return PluginSettings(
        enabled=value.get("enabled") is not False,
        allow=_names(value.get("allow")),
        deny=_names(value.get("deny")),
        paths=_names(_object(value.get("load")).get("paths")),
        entries=tuple(entries),
    )


def _names(value: object) -> tuple[str, ...]:
    return tuple(each.strip() for each in _texts(value) if each.strip())


def _provider(key: str, entry: Mapping[str, object]) -> ProviderSettings:
    headers, models, flag = _object(entry.get("headers")), entry.get("models"), entry.get("authHeader")
    return ProviderSettings(
        key=key,
        base_url=_text(entry.get("baseUrl")),
        api_key=_text(entry.get("apiKey")),
        auth=_text(entry.get("auth")),
        api=_text(entry.get("api")),
        headers=tuple((name, text) for name, text in headers.items() if isinstance(text, str)),
        auth_header=flag if isinstance(flag, bool) else None,
        models=tuple(each for each in models if isinstance(each, dict)) if isinstance(models, list) else (),
    )


def _profiles(entries: Mapping[str, object]) -> Iterable[ProfileSettings]:
    for name, each in entries.items():
        entry = _object(each)
        provider, mode = _text(entry.get("provider")), _text(entry.get("mode"))
        if provider is not None and mode is not None:
            yield ProfileSettings(name, provider, mode, _text(entry.get("email")))


def _object(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        return {}
    return {key: each for key, each in value.items() if key != INCLUDE} if INCLUDE in value else value


def _text(value: object) -> str | None:
    return value.strip() if isinstance(value, str) and value.strip() else None


def _texts(value: object) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()
