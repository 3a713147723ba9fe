"""The auth-only surface of the older programs: `{id, label, docsPath, aliases, envVars, models, auth, ...}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, get_args

from jackfield.ids import canonical_id, is_id, slug
from jackfield.plugins.drafts import (
    MAX_ID,
    MAX_METHODS,
    MAX_MODELS,
    MAX_NAMES,
    MAX_URL,
    fits,
    read_aliases,
    read_base_url,
    read_provider_id,
    read_variables,
    shown,
)
from jackfield.providers.block import ApiStyle, AuthKind, AuthMethod, Modality, Model

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jackfield.plugins.drafts import Data, Draft, Path

CONTEXT_WINDOW = 128_000
MAX_TOKENS = 8_192
"""What a model is taken to have when its plugin does not say, in tokens."""

_MAX_NAMED = 10
_MAX_SIZE = 10**9
_STYLES = frozenset(get_args(ApiStyle))
_KINDS = frozenset(get_args(AuthKind)) - {"none"}
_INPUTS = frozenset(get_args(Modality))


class SurfaceReader:
    """Reads one registration; see the module."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def read(self, given: Mapping[str, object]) -> None:
        """Fill the draft from what the plugin registered."""
        draft = self._draft
        provider_id = read_provider_id(draft, given.get("id"))
        auth = draft.items(given.get("auth"), ("auth",), MAX_METHODS)
        label = draft.text(given.get("label"), ("label",)) or provider_id
        docs_path = draft.text(given.get("docsPath"), ("docsPath",), MAX_URL)
        variables = read_variables(draft, given.get("envVars"), ("envVars",))
        models = self._models(given.get("models"))
        self._extra(given.get("extra"))
        methods = self._methods(auth, provider_id or "")
        if provider_id is None:
            return
        aliases = read_aliases(draft, given.get("aliases"), provider_id)
        draft.data = {
            "id": provider_id,
            "label": label,
            "aliases": aliases,
            "docs_path": docs_path,
            "env": {"any_of": variables},
            **models,
        }
        draft.methods = methods

    def _extra(self, value: object) -> None:
        names = [shown(each, MAX_ID) for each in value if isinstance(each, str)] if isinstance(value, list) else []
        for name in names[:_MAX_NAMED]:
            self._draft.report((name,), "A provider has no such member; it is passed over.", "info")

    def _methods(self, auth: Sequence[object], provider_id: str) -> list[tuple[Data, int | None]]:
        found: list[tuple[Data, int | None]] = []
        for place, each in enumerate(auth):
            method = self._method(each, ("auth", f"[{place}]"), provider_id)
            if method is not None and any(method["id"] == other["id"] for other, _ in found):
                path = ("auth", f"[{place}]", "id")
                self._draft.report(
                    path, f"The method {method['id']!r} is there already; this one is left out.", "error"
                )
            elif method is not None:
                found.append((method, place))
        return found

    def _method(self, given: object, path: Path, provider_id: str) -> Data | None:
        draft = self._draft
        if not isinstance(given, Mapping):
            draft.report(path, "A login method is an object; it is left out.", "error")
            return None
        method_id = _method_id(given.get("id"))
        if method_id is None:
            draft.report((*path, "id"), "A login method needs an id; it is left out.", "error")
        if given.get("run") is not True:
            draft.report((*path, "run"), "A login method needs a function run; it is left out.", "error")
        label = draft.text(given.get("label"), (*path, "label")) or method_id
        hint = draft.text(given.get("hint"), (*path, "hint"))
        kind = given.get("kind")
        if not isinstance(kind, str) or kind not in _KINDS:
            draft.report((*path, "kind"), f"This must be one of {', '.join(sorted(_KINDS))}; it counts as custom.")
            kind = "custom"
        if method_id is None or given.get("run") is not True:
            return None
        choice = _choice(draft, given.get("choice"), (*path, "choice"), f"{provider_id}-{method_id}")
        return {"id": method_id, "choice": choice, "kind": kind, "label": label, "hint": hint}

    def _models(self, given: object) -> Data:
        """Return base URL, API style and models of a `ModelProviderConfig`."""
        draft = self._draft
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            draft.report(("models",), "This must be an object; it is left out.")
            return {}
        for name in ("apiKey", "headers", "authHeader"):
            if given.get(name) is not None:
                message = "Keys and headers are not taken from a registration; a login returns them."
                draft.report(("models", name), message, "info")
        style = _one_of(draft, given.get("api"), ("models", "api"), _STYLES)
        rows = draft.items(given.get("models"), ("models", "models"), MAX_MODELS)
        models: dict[str, Data] = {}
        for place, each in enumerate(rows):
            path = ("models", "models", f"[{place}]")
            model = _model(draft, each, path)
            if model is not None and models.setdefault(str(model["id"]), model) is not model:
                draft.report((*path, "id"), "A model of this id is there already; this one is left out.")
        base_url = read_base_url(draft, given.get("baseUrl"), ("models", "baseUrl"))
        return {"base_url": base_url, "api": style, "models": list(models.values())}


def _method_id(value: object) -> str | None:
    """Return the canonical id of a method; one with other characters than an id has is made one."""
    if not isinstance(value, str) or len(value) > 4 * MAX_ID:
        return None
    name = canonical_id(value)
    if not is_id(name):
        name = slug(name)[:MAX_ID].strip("-._")
    return name if is_id(name) else None


def _choice(draft: Draft, value: object, path: Path, default: str) -> str:
    sample = {"id": "x", "choice": value, "kind": "none", "label": "x", "runner": "x"}
    if isinstance(value, str) and fits(AuthMethod, sample):
        return value
    if value is not None:
        draft.report(path, "This is no name of a login choice; one was made from the ids.")
    return default[:MAX_ID].rstrip(".-_")


def _one_of(draft: Draft, value: object, path: Path, allowed: frozenset[str]) -> str | None:
    if value is None or (isinstance(value, str) and value in allowed):
        return value if isinstance(value, str) else None
    draft.report(path, f"This must be one of {', '.join(sorted(allowed))}; it is left out.")
    return None


def _model(draft: Draft, given: object, path: Path) -> Data | None:
    """Return the data of one model of the older programs' config; None when it is left out."""
    if not isinstance(given, Mapping):
        draft.report(path, "A model is an object; it is left out.")
        return None
    model_id = given.get("id")
    model_id = model_id.strip() if isinstance(model_id, str) and len(model_id) <= MAX_URL else None
    compat = given.get("compat")
    compat = compat if isinstance(compat, Mapping) else {}
    if given.get("headers") is not None:
        draft.report((*path, "headers"), "Headers are not taken from a registration.", "info")
    data: Data = {
        "id": model_id,
        "name": draft.text(given.get("name"), (*path, "name")) or model_id,
        "context_window": _size(draft, given.get("contextWindow"), (*path, "contextWindow"), CONTEXT_WINDOW),
        "max_tokens": _size(draft, given.get("maxTokens"), (*path, "maxTokens"), MAX_TOKENS),
        "input": _inputs(draft, given.get("input"), (*path, "input")),
        "cost": _cost(draft, given.get("cost"), (*path, "cost")),
        "reasoning": given.get("reasoning") is True,
        "api": _one_of(draft, given.get("api"), (*path, "api"), _STYLES),
        "developer_role": compat.get("supportsDeveloperRole") is not False,
    }
    if model_id and fits(Model, data):
        return data
    draft.report((*path, "id"), "A model needs an id that is text and prints; it is left out.")
    return None


def _size(draft: Draft, value: object, path: Path, default: int) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # some languages have one kind of number
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MAX_SIZE:
        return value
    if value is not None:
        draft.report(path, f"This must be a whole number of at least 1; {default} is taken.")
    return default


def _inputs(draft: Draft, value: object, path: Path) -> list[object]:
    items = draft.items(value, path, MAX_NAMES)
    found = [each for each in items if isinstance(each, str) and each in _INPUTS]
    if len(found) < len(items):
        draft.report(path, f"Only {', '.join(sorted(_INPUTS))} are inputs; others are left out.")
    return list(dict.fromkeys(found)) or ["text"]


_PRICES = {"input": "input", "output": "output", "cacheRead": "cache_read", "cacheWrite": "cache_write"}


def _cost(draft: Draft, value: object, path: Path) -> Data:
    if value is not None and not isinstance(value, Mapping):
        draft.report(path, "This must be an object; the prices count as unknown.")
    given = value if isinstance(value, Mapping) else {}
    prices: Data = {}
    for name, own in _PRICES.items():
        price = given.get(name)
        if isinstance(price, (int, float)) and not isinstance(price, bool) and 0 <= price < 1e9:
            prices[own] = float(price)
        elif price is not None:
            draft.report((*path, name), "A price is a number of zero or more; it is left out.")
    return prices
