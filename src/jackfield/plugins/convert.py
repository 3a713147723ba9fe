"""From what a plugin registered to registration blocks. Pure: nothing here is run, read or looked up.

A descriptor comes from another process and may hold anything. Values are never taken over and inspected afterwards: a
block is built from the fields that are known, each read for itself, and what is left out is told with its path. Nothing
a descriptor holds raises.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from jackfield.auth.flows import CORE_RUNNERS
from jackfield.errors import BlockError
from jackfield.plugins.blocks import BlockReader
from jackfield.plugins.drafts import MAX_ID, Draft
from jackfield.plugins.surface import SurfaceReader
from jackfield.providers.block import PLUGIN_RUNNER, Provider
from jackfield.records import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from jackfield.diagnostics import Diagnostic


@record
class PluginMethod:
    """A login that a plugin carries out.

    Attributes:
        method_id: canonical id of the method in the block.
        runner: name of the strategy: `plugin:<plugin id>/<method id>`; with the provider's id and a dot before the
            method's when several providers of one plugin have a method of this id.
        provider_index, method_index: places in what the plugin registered, as the plugin's process counts them.
    """

    method_id: str
    runner: str
    provider_index: int
    method_index: int


@record
class Converted:
    """What became of one registration.

    Attributes:
        index: its place in what the plugin registered.
        provider: the block; None when there is none to be had.
        methods: the block's logins that the plugin carries out.
        formats_api_key, refreshes: the plugin has a function for it.
        diagnostics: every fault, owned by the plugin, with its path.
    """

    index: int
    provider: Provider | None = None
    methods: tuple[PluginMethod, ...] = ()
    formats_api_key: bool = False
    refreshes: bool = False
    diagnostics: tuple[Diagnostic, ...] = ()


def convert_all(
    plugin_id: str, descriptors: Iterable[object], *, core_runners: Collection[str] = CORE_RUNNERS
) -> tuple[Converted, ...]:
    """Return what becomes of each registration of one plugin, in their order.

    Args:
        plugin_id: canonical id of the plugin.
        descriptors: what it registered, as plain JSON values: the auth-only surface of the older programs, or
            `{"block": ..., "runs": [method ids]}`.
        core_runners: names of the strategies of core that a block may use.

    Codes of diagnostics: `plugin.provider-id` (no usable id), `plugin.provider-duplicate` (the id or an alias twice),
    `plugin.provider-invalid` (everything else; what is of severity `error` left out a provider or a method).
    """
    drafts = [_read(plugin_id, each, place, core_runners) for place, each in enumerate(descriptors)]
    _settle_names(drafts)
    _settle_methods(plugin_id, drafts)
    return tuple(_build(each) for each in drafts)


def convert_provider(plugin_id: str, descriptor: object, index: int = 0) -> Converted:
    """Return what becomes of one registration; `index` is its place in what the plugin registered."""
    draft = _read(plugin_id, descriptor, index, CORE_RUNNERS)
    _settle_methods(plugin_id, [draft])
    return _build(draft)


def find_places(plugin_id: str, descriptors: Iterable[object], runner: str) -> tuple[int, int] | None:
    """Return the places of the provider and of the method that `runner` names, None when it is not registered."""
    for each in convert_all(plugin_id, descriptors):
        for method in each.methods:
            if method.runner == runner:
                return method.provider_index, method.method_index
    return None


def _read(plugin_id: str, descriptor: object, index: int, core_runners: Collection[str]) -> Draft:
    draft = Draft(plugin_id, index)
    if not isinstance(descriptor, Mapping):
        draft.report((), "A registration is an object.", "error")
        return draft
    draft.formats_api_key = descriptor.get("formatApiKey") is True
    draft.refreshes = descriptor.get("refreshOAuth") is True
    if "block" in descriptor:
        BlockReader(draft, core_runners).read(descriptor.get("block"), descriptor.get("runs"))
    else:
        SurfaceReader(draft).read(descriptor)
    return draft


def _settle_names(drafts: Iterable[Draft]) -> None:
    """Let each id and alias belong to one provider of the plugin: ids first, then the earlier registration."""
    taken: dict[str, Draft] = {}
    for draft in drafts:
        if draft.data is None:
            continue
        if draft.id in taken:
            message = f"provider already registered: {draft.id} ({draft.plugin_id})"
            draft.refuse(("id",), message, "plugin.provider-duplicate")
        else:
            taken[draft.id] = draft
    for draft in drafts:
        aliases = draft.data.get("aliases") if draft.data else None
        kept = []
        for alias in aliases if isinstance(aliases, list) else ():
            if taken.setdefault(alias, draft) is draft:
                kept.append(alias)
            else:
                message = f"Another provider of this plugin is called {alias!r}; the alias is left out."
                draft.report(("aliases",), message, code="plugin.provider-duplicate")
        if draft.data:
            draft.data["aliases"] = kept


def _settle_methods(plugin_id: str, drafts: Sequence[Draft]) -> None:
    """Give each method a runner and a choice of its own among all of the plugin."""
    times = Counter(str(data["id"]) for draft in drafts for data, place in draft.methods if place is not None)
    runners: set[str] = set()
    choices: set[str] = set()
    for draft in drafts:
        for data, place in draft.methods:
            name = str(data.get("id"))
            if place is not None:
                wanted = name if times[name] == 1 else f"{draft.id}.{name}"
                data["runner"] = f"{PLUGIN_RUNNER}{plugin_id}/{_free(wanted, runners)}"
            choice = data.get("choice")
            if isinstance(choice, str):
                data["choice"] = _free(choice, choices, MAX_ID)
                if data["choice"] != choice:
                    message = f"Another login of this plugin is called {choice!r}; this one becomes {data['choice']!r}."
                    draft.report(("auth", name, "choice"), message)


def _free(wanted: str, taken: set[str], limit: int | None = None) -> str:
    """Return `wanted`, with a number behind it when it is taken, and take it."""
    name, number = wanted, 2
    while name in taken:
        tail = f"-{number}"
        name = (wanted if limit is None else wanted[: limit - len(tail)]) + tail
        number += 1
    taken.add(name)
    return name


def _build(draft: Draft) -> Converted:
    """Return the block of a draft; faults that only the whole shows leave it out."""
    provider = None
    if draft.data is not None:
        try:
            provider = Provider.from_dict({**draft.data, "auth": [data for data, _ in draft.methods]})
        except BlockError as error:
            for each in error.diagnostics:
                draft.report(each.path, each.message, "error")
    if provider is None:
        return Converted(draft.index, diagnostics=tuple(draft.faults))
    methods = tuple(
        PluginMethod(str(data["id"]), str(data["runner"]), draft.index, place)
        for data, place in draft.methods
        if place is not None
    )
    return Converted(draft.index, provider, methods, draft.formats_api_key, draft.refreshes, tuple(draft.faults))
