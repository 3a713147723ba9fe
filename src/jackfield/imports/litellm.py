"""What a `config.yaml` of LiteLLM holds: keys, addresses and names of models.

Each item of `model_list` has a `model_name`, by which its users call it, and `litellm_params`: `model`, which is
`provider/model`, `api_key` and `api_base`. A text `os.environ/NAME` stands for a variable; `environment_variables` may
hold its value.

An address that is not the provider's own is a server of its own: a provider named for its host, in the config, with the
models that are listed there. A provider that runs on the user's machine gets the address itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from jackfield.credentials.foreign import read_file, shown
from jackfield.credentials.legacy import LegacyEntry, file_fault, repeated_faults
from jackfield.diagnostics import Diagnostic, format_path
from jackfield.errors import RequestError
from jackfield.ids import is_id, slug
from jackfield.imports.environment import read_variables, with_key
from jackfield.imports.found import Found, Setting
from jackfield.imports.names import is_at_home, key_readers, provider_at, provider_named, providers_of_model
from jackfield.imports.yaml_file import MAX_BYTES, read_yaml
from jackfield.net import check_base_url, origin_of
from jackfield.records import record, replace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from jackfield.providers.block import Provider
    from jackfield.table import Snapshot

PROFILE_NAME = "litellm"

_PARAMS = "litellm_params"
_ENVIRON = "os.environ/"
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
# Servers of their own speak the style that everybody copied, whatever its author has moved on to.
_STYLES = {"openai-responses": "openai-completions"}
_HOME = ""
_NOT_READ = ("include", "router_settings", "litellm_settings", "general_settings")


def read_litellm(path: Path, snapshot: Snapshot[Provider]) -> Found:
    """Return what a config file of LiteLLM holds; without a file the result names none."""
    name = path.name
    try:
        data = read_file(path, limit=MAX_BYTES)
        if data is None:
            return Found("litellm", str(path))
        value, repeated = read_yaml(data)
    except RequestError as error:
        return Found("litellm", str(path), (name,), diagnostics=(file_fault(path, name, error),))
    found = parse_litellm(value, snapshot, path=path)
    return replace(found, diagnostics=(*repeated_faults(path, name, repeated), *found.diagnostics))


def parse_litellm(value: object, snapshot: Snapshot[Provider], *, path: Path) -> Found:
    """Return what the value of the file says. Pure; raises nothing for what is wrong in it."""
    root = value if isinstance(value, dict) else {}
    faults = [] if isinstance(value, dict) else [_fault(path, (), "is not a mapping")]
    models = root.get("model_list", [])
    if not isinstance(models, list):
        faults.append(_fault(path, ("model_list",), "is not a list"))
        models = []
    reader = _Reader(path.name, snapshot, _texts(root.get("environment_variables")))
    for place, item in enumerate(models):
        reader.take(place, item)
    settings = [*reader.settings, *reader.servers()]
    settings += [Setting(path.name, name, fault=_why_not(name)) for name in _NOT_READ if name in root]
    variables = read_variables(
        reader.variables, snapshot, file=path.name, prefix="environment_variables.", profile_name=PROFILE_NAME
    )
    return Found(
        "litellm", str(path), (path.name,), (*reader.entries, *variables), tuple(settings), diagnostics=tuple(faults)
    )


@record
class _Server:
    """An address that is no provider's own: the id it gets, and how it is spoken to."""

    id: str
    url: str
    style: str | None


class _Reader:
    """Reads the items of the list one after the other; what was there before decides what a later one adds."""

    def __init__(self, file: str, snapshot: Snapshot[Provider], variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.entries: list[LegacyEntry] = []
        self.settings: list[Setting] = []
        self._file = file
        self._snapshot = snapshot
        self._keys: dict[str, list[str]] = {}
        self._aliases: dict[str, str] = {}
        self._servers: dict[tuple[str, str | None], _Server] = {}
        self._models: dict[str, dict[str, None]] = {}
        self._local: dict[str, str] = {}

    def take(self, place: int, item: object) -> None:
        """Take what one item says."""
        params = item.get(_PARAMS) if isinstance(item, dict) else None
        where = f"model_list[{place}]"
        model = params.get("model") if isinstance(params, dict) else None
        if not isinstance(item, dict) or not isinstance(params, dict) or not isinstance(model, str):
            self._note(where, fault=f"has no {_PARAMS} with a model")
            return
        given = item.get("model_name")
        name = f"{where} ({shown(given)})" if isinstance(given, str) else where
        provider, rest = self._provider(model.strip(), params.get("api_key"))
        if provider is None or not rest:
            self._note(name, fault=rest or "names no model")
            return
        try:
            target, url = self._target(provider, params.get("api_base", params.get("base_url")))
        except RequestError as error:
            self._note(name, fault=f"has an address that cannot be used: {error.message.rstrip('.')}")
            return
        if url is not None and target not in self._local:
            self._models.setdefault(target, {})[rest] = None
        self._key(name, target, url, params.get("api_key"))
        self._alias(name, target, rest, given)

    def servers(self) -> Iterator[Setting]:
        """Yield the entries of servers of their own, and the addresses of local providers."""
        for each in self._servers.values():
            name = f"model_list ({each.id})"
            fields = {"baseUrl": each.url, "api": each.style}
            fields["models"] = [{"id": model, "name": model} for model in self._models.get(each.id, {})]  # type: ignore[assignment]
            for key, value in fields.items():
                if value is not None:
                    yield Setting(self._file, f"{name} {key}", "field", each.id, key, value)
        for target, url in self._local.items():
            if url == _HOME:
                continue
            yield Setting(self._file, f"model_list ({target}) baseUrl", "field", target, "baseUrl", url)

    def _provider(self, model: str, key: object) -> tuple[Provider | None, str]:
        """Return the provider and the model that a text means; without a provider, why there is none."""
        prefix, slash, rest = model.partition("/")
        named = provider_named(prefix, self._snapshot) if slash else None
        if named is not None:
            return named, rest.strip()
        having = providers_of_model(model, self._snapshot)
        if isinstance(key, str) and key.startswith(_ENVIRON):
            readers = key_readers(key.removeprefix(_ENVIRON).strip(), self._snapshot)
            having = tuple(each for each in having if each in readers) or (() if slash else readers)
        if len(having) == 1:
            return having[0], model
        if slash:
            return None, f"is of {shown(prefix)}, which no provider here is called"
        whose = f"a model of {', '.join(each.id for each in having)}" if having else "no model that is known here"
        return None, f"names {whose}, without its provider"

    def _target(self, provider: Provider, base: object) -> tuple[str, str | None]:
        """Return the id of the provider that an item is about here, and its address where that is not its own."""
        if base is None or base == "":
            return self._at_home(provider)
        if not isinstance(base, str) or base.strip().startswith(_ENVIRON):
            raise RequestError("it only refers to a variable", code="import.reference")
        url = check_base_url(base.strip(), allow_private_http=True)
        if is_at_home(url, provider):
            return self._at_home(provider)
        if provider.local:
            return self._local_target(provider, url)
        style = _STYLES.get(provider.api or "", provider.api)
        home = provider_at(url, self._snapshot)
        if home is not None and style in {home.api, _STYLES.get(home.api or "")}:
            return home.id, None
        server = self._servers.get((url, style)) or _Server(self._free_id(url), url, style)
        self._servers[url, style] = server
        return server.id, url

    def _at_home(self, provider: Provider) -> tuple[str, None]:
        if provider.local and self._local.setdefault(provider.id, _HOME) != _HOME:
            raise _second_address(provider)
        return provider.id, None

    def _local_target(self, provider: Provider, url: str) -> tuple[str, str | None]:
        # There the address is that of the server, here that of its API.
        path = (provider.base_url or "").split("/", 3)[3:]
        whole = "/".join([url.rstrip("/"), *path]) if url.rstrip("/").count("/") < 3 else url
        if self._local.setdefault(provider.id, whole) != whole:
            raise _second_address(provider)
        return provider.id, whole

    def _free_id(self, url: str) -> str:
        """Return an id for a server: its host and port, so that the same server always has the same one."""
        origin = origin_of(url)
        start = slug(url.split("/", 3)[2].replace(":", "-").replace("[", "").replace("]", ""))[:50].strip(".-_")
        start = start if is_id(start) else slug(origin.scheme)
        taken = {each.id for each in self._servers.values()}
        candidates = [start, f"{PROFILE_NAME}-{start}", *(f"{start}-{number}" for number in range(2, len(taken) + 3))]
        return next(each for each in candidates if each not in taken and self._snapshot.get(each) is None)

    def _key(self, name: str, target: str, url: str | None, key: object) -> None:
        if key is None or key == "":
            return
        entry = LegacyEntry(self._file, f"{name} api_key", target, url=url)
        if not isinstance(key, str):
            self.entries.append(replace(entry, fault="has no text as its key"))
            return
        text = key.strip()
        if text.startswith(_ENVIRON):
            variable = text.removeprefix(_ENVIRON).strip()
            if variable not in self.variables:
                self._reference(entry, target, variable)
                return
            text = self.variables[variable]
        known = self._keys.setdefault(target, [])
        if text in known:
            return
        known.append(text)
        number = f"-{len(known)}" if len(known) > 1 else ""
        self.entries.append(with_key(replace(entry, profile_name=PROFILE_NAME + number), text))

    def _reference(self, entry: LegacyEntry, target: str, variable: str) -> None:
        """Let the config refer to a variable where the provider declares it."""
        if _VARIABLE.fullmatch(variable) and any(each.id == target for each in key_readers(variable, self._snapshot)):
            self.settings.append(Setting(self._file, entry.name, "field", target, "apiKey", f"${{{variable}}}"))
        else:
            fault = f"refers to {shown(variable)}, which is no variable of {target}"
            self.entries.append(replace(entry, fault=fault))

    def _alias(self, name: str, target: str, model: str, alias: object) -> None:
        ref = f"{target}/{model}"
        told = Setting(self._file, name, "model", target, model)
        if not isinstance(alias, str) or not alias.strip() or "*" in model or alias.strip() in {model, ref}:
            self.settings.append(replace(told, kind="none", kept=f"{ref} needs no other name."))
        elif self._aliases.setdefault(alias.strip(), ref) != ref:
            fault = f"is another model of that name; a name means one model here: {self._aliases[alias.strip()]}"
            self.settings.append(replace(told, kind="none", fault=fault))
        else:
            self.settings.append(replace(told, value={"alias": alias.strip()}))

    def _note(self, name: str, *, fault: str) -> None:
        self.settings.append(Setting(self._file, name, fault=fault))


def _second_address(provider: Provider) -> RequestError:
    return RequestError(f"an earlier item has another one for {provider.id}", code="import.second-address")


def _why_not(name: str) -> str:
    return "names files that are not followed; import each of them" if name == "include" else "has no counterpart here"


def _texts(value: object) -> dict[str, str]:
    items = value.items() if isinstance(value, dict) else ()
    return {name: text for name, text in items if isinstance(name, str) and isinstance(text, str)}


def _fault(path: Path, place: tuple[str, ...], what: str) -> Diagnostic:
    where = f" at {format_path(place)}" if place else ""
    return Diagnostic("import.format", f"{path}{where} {what}.", path=(path.name, *place))
