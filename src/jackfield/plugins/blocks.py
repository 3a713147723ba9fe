"""A whole block that a plugin registers, as far as it is a plugin's to say.

A plugin describes its own providers. What speaks for the whole program (an order among core's providers, the
credentials of the machine, strategies of core, other programs' files) is not taken from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jackfield.plugins.drafts import (
    MAX_ID,
    MAX_LABEL,
    MAX_METHODS,
    MAX_MODELS,
    MAX_NAMES,
    MAX_TEXT,
    read_aliases,
    read_base_url,
    read_provider_id,
    read_variables,
    shown,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from jackfield.plugins.drafts import Data, Draft, Path

_MAX_BLOCK_TEXT = 8 * 1024
_MAX_BLOCK_VALUES = 50_000
# Groups of plugins stand below those of core, whatever order they ask for.
_FIRST_GROUP_ORDER = 1_000


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What a plugin's block may say, by part. New fields of a block are core's until they are entered here.
_OWN: dict[str, frozenset[str]] = {
    "": _names(
        "id label aliases docs_path base_url api api_rules local group auth env verify models model_aliases short_names"
        " default_model hidden_models discovery legacy advisories tags"
    ),
    "auth": _names(
        "id choice kind label runner hint hidden legacy_choices key oauth profile default_model allowed_models verify"
    ),
    "key": _names("prompt flags normalize prefix min_length offer_env url"),
    "oauth": _names(
        "hosts authorize_url token_url device_code_url userinfo_url redirect_uri scopes pasted timeout_s"
        " expiry_margin_s keeps_refresh_token refresh_url"
    ),
    "env": _names("any_of login_shell"),
    "verify": _names("url auth refused accepted public"),
    "discovery": _names("kind url timeout_s refresh_s authenticated context_window max_tokens"),
    "models": _names("id name context_window max_tokens input cost reasoning api developer_role privacy"),
    "tags": _names(
        "transcript reasoning_tag binary_thinking xhigh_models cache_ttl json_api_key openai_family usage_label"
        " current_models quirks"
    ),
}
# Ways to find models that use nothing but the provider's own address and credential.
_DISCOVERIES = ("openai-models", "ollama-tags")
# Values that say nothing, so that leaving them out needs no word.
_UNSAID: tuple[object, ...] = (None, False, [], {}, "", "api-key")
# Texts that people read, by part.
_SHOWN: dict[str, tuple[str, ...]] = {
    "": ("label",),
    "auth": ("label", "hint"),
    "key": ("prompt",),
    "group": ("label", "hint"),
    "models": ("name",),
    "tags": ("usage_label",),
    "advisories": ("title", "text"),
}


class BlockReader:
    """Reads a whole block, as far as it is a plugin's to say."""

    def __init__(self, draft: Draft, core_runners: Collection[str]) -> None:
        self._draft = draft
        self._core_runners = core_runners

    def read(self, block: object, runs: object) -> None:
        """Fill the draft from a block as plain data, and the ids of the methods that the plugin has functions for."""
        draft = self._draft
        if not isinstance(block, Mapping) or _is_vast(block):
            draft.report(("block",), "This is no provider's block, or one that is too large.", "error")
            return
        provider_id = read_provider_id(draft, block.get("id"))
        if provider_id is None:
            return
        data = self._part("", block, ("block",))
        data["id"] = provider_id
        data["label"] = data.get("label") or provider_id
        data["aliases"] = read_aliases(draft, data.get("aliases"), provider_id)
        data["base_url"] = read_base_url(draft, data.get("base_url"), ("block", "base_url"))
        data["env"] = self._env(data.get("env"))
        for name in ("verify", "discovery"):
            data[name] = self._request(data.get(name), data, ("block", name))
        self._group(data)
        self._parts(data)
        self._legacy(data)
        runs = {each for each in runs if isinstance(each, str)} if isinstance(runs, list) else set()
        auth = draft.items(data.pop("auth", None), ("block", "auth"), MAX_METHODS)
        draft.data = {name: value for name, value in data.items() if value is not None}
        draft.methods = [
            found for place, each in enumerate(auth) if (found := self._method(each, place, runs, data)) is not None
        ]

    def _part(self, part: str, given: Mapping[str, object], path: Path) -> Data:
        """Return the fields of a part that are a plugin's to say, texts cleaned."""
        data = {name: value for name, value in given.items() if part not in _OWN or name in _OWN[part]}
        for name in given:
            if name not in data and given[name] not in _UNSAID:
                message = "This is not for a plugin to say; it is left out."
                self._draft.report((*path, shown(name, MAX_ID)), message)
        for name in _SHOWN.get(part, ()):
            value = data.get(name)
            if isinstance(value, str):
                data[name] = shown(value, MAX_TEXT if name == "text" else MAX_LABEL) or None
        return data

    def _inner(self, part: str, value: object, path: Path) -> object:
        return self._part(part, value, path) if isinstance(value, Mapping) else value

    def _parts(self, data: Data) -> None:
        """Read the parts that stand for themselves."""
        for name, limit in (("models", MAX_MODELS), ("advisories", MAX_NAMES)):
            rows = self._draft.items(data.get(name), ("block", name), limit)
            data[name] = [self._inner(name, each, ("block", name, f"[{at}]")) for at, each in enumerate(rows)]
        if data.get("tags") is not None:
            data["tags"] = self._inner("tags", data["tags"], ("block", "tags"))

    def _env(self, value: object) -> Data:
        env = self._part("env", value, ("block", "env")) if isinstance(value, Mapping) else {}
        any_of = read_variables(self._draft, env.get("any_of"), ("block", "env", "any_of"))
        shell = read_variables(self._draft, env.get("login_shell"), ("block", "env", "login_shell"))
        return {"any_of": any_of, "login_shell": [name for name in shell if name in any_of]}

    def _group(self, data: Data) -> None:
        """Keep a heading of the plugin's own; one of core's would be told anew for everybody."""
        group = data.pop("group", None)
        if not isinstance(group, Mapping):
            return
        name, order = group.get("id"), group.get("order")
        own = (str(data["id"]), self._draft.plugin_id)
        if not isinstance(name, str) or not any(name == each or name.startswith(f"{each}-") for each in own):
            self._draft.report(("block", "group", "id"), "A plugin's group is named after it; it is left out.")
            return
        place = order if isinstance(order, int) and not isinstance(order, bool) else 0
        data["group"] = {**self._part("group", group, ("block", "group")), "order": max(place, _FIRST_GROUP_ORDER)}

    def _request(self, value: object, data: Data, path: Path) -> object:
        """Keep a request that goes to the provider's own address."""
        if not isinstance(value, Mapping):
            return None
        part = path[-1]
        kept = self._part(part, value, path)
        url = kept.get("url")
        if part == "discovery" and kept.get("kind") not in _DISCOVERIES:
            self._draft.report((*path, "kind"), f"A plugin's models are found by {' or '.join(_DISCOVERIES)} only.")
            return None
        if _is_own(url, data["base_url"]) or (url is None and part == "discovery"):
            return kept
        self._draft.report((*path, "url"), "This request does not go to the provider's own address; it is left out.")
        return None

    def _legacy(self, data: Data) -> None:
        """Keep rules about the provider's own profiles and models."""
        own = (f"{data['id']}:", f"{data['id']}/")
        kept = []
        for place, each in enumerate(self._draft.items(data.get("legacy"), ("block", "legacy"), MAX_NAMES)):
            rule = each if isinstance(each, Mapping) else {}
            names = [rule.get("subject"), *([rule.get("to")] if rule.get("rule") != "migrate-mode" else [])]
            mine = all(name is None or (isinstance(name, str) and name.startswith(own)) for name in names)
            if rule and mine and rule.get("rule") != "external-sync":
                kept.append(each)
            else:
                message = "A plugin's rules are about its own profiles and models; this one is left out."
                self._draft.report(("block", "legacy", f"[{place}]"), message)
        data["legacy"] = kept

    def _method(
        self, given: object, place: int, runs: Collection[str], provider: Data
    ) -> tuple[Data, int | None] | None:
        path = ("block", "auth", f"[{place}]")
        draft = self._draft
        if not isinstance(given, Mapping):
            draft.report(path, "A login method is an object; it is left out.", "error")
            return None
        data = self._part("auth", given, path)
        for name in ("key", "oauth"):
            if data.get(name) is not None:
                data[name] = self._inner(name, data[name], (*path, name))
        data["verify"] = self._request(data.get("verify"), provider, (*path, "verify"))
        self._flags(data.get("key"), str(provider["id"]), (*path, "key", "flags"))
        data = {name: value for name, value in data.items() if value is not None}
        data["label"] = data.get("label") or data.get("id")
        if data.get("id") in runs:
            return data, place
        if data.get("runner") in self._core_runners:
            return data, None
        draft.report((*path, "runner"), "No function carries this method out; it is left out.", "error")
        return None

    def _flags(self, key: object, provider_id: str, path: Path) -> None:
        """Keep command-line flags that begin with the provider's id: a plugin takes no flag of the program's."""
        if not isinstance(key, dict) or not isinstance(key.get("flags"), (list, tuple)):
            return
        own = [each for each in key["flags"] if isinstance(each, str) and each.startswith(f"--{provider_id}-")]
        if len(own) < len(key["flags"]):
            self._draft.report(path, f"A plugin's flags begin with --{provider_id}-; others are left out.")
        key["flags"] = own


def _is_own(url: object, base_url: object) -> bool:
    """Tell whether a request goes to where the provider is; `{base}.example` and `{origin}@example` do not."""
    if not isinstance(url, str):
        return False
    if url.startswith(("{base}/", "{origin}/")) or url in {"{base}", "{origin}"}:
        return True
    if not isinstance(base_url, str):
        return False
    try:
        one, other = urlsplit(url), urlsplit(base_url)
    except ValueError:
        return False
    return (one.scheme, one.netloc) == (other.scheme, other.netloc)


def _is_vast(value: object) -> bool:
    """Tell whether a block is larger than any honest one."""
    left: list[object] = [value]
    count = 0
    while left:
        each = left.pop()
        count += 1
        if count > _MAX_BLOCK_VALUES or (isinstance(each, str) and len(each) > _MAX_BLOCK_TEXT):
            return True
        if isinstance(each, Mapping):
            left += each.keys()
            left += each.values()
        elif isinstance(each, (list, tuple)):
            left += each
    return False
