"""A seeded mutator of valid config patches, and a checker of its own that knows nothing of the guard's code.

Run it for long with `python tests/fuzz/guard.py --count 1000000 --seed 1`.
"""

from __future__ import annotations

import argparse
import copy
import json
import re
import time
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from jackfield.config.plan import plan_patch
from jackfield.providers.block import EnvVars, Model, Provider
from jackfield.providers.registry import ProviderRegistry
from jackfield.table import Owner, Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jackfield.config.plan import PatchPlan

ACME = Owner(Trust.INSTALLED, "plugin:acme")
BETA = Owner(Trust.INSTALLED, "plugin:beta")
SECRET = "sk-live-0123456789abcdef0123456789abcdef"

Leaves = dict[tuple[str, ...], str]


def make_registry() -> ProviderRegistry:
    """Return the core providers, and two of plugins that share one environment variable."""
    registry = ProviderRegistry.with_core()
    acme = Provider(
        id="acme",
        label="Acme",
        aliases=("acme-ai", "acmeai"),
        base_url="https://api.acme.test/v1",
        api="openai-completions",
        env=EnvVars(any_of=("ACME_API_KEY", "SHARED_API_KEY")),
        models=(Model("rocket", "Rocket", 8192, 1024),),
    )
    beta = Provider(
        id="beta",
        label="Beta",
        base_url="https://api.beta.test",
        api="openai-completions",
        env=EnvVars(any_of=("SHARED_API_KEY",)),
    )
    registry.register_provider(acme, owner=ACME)
    registry.register_provider(beta, owner=BETA)
    return registry


CURRENT: dict[str, Any] = {
    "models": {
        "mode": "merge",
        "providers": {"beta": {"baseUrl": "https://api.beta.test", "apiKey": "${BETA_KEY}", "models": [{"id": "b"}]}},
    },
    "agents": {"defaults": {"model": {"primary": "beta/b"}, "models": {"beta/b": {"alias": "bee"}}}},
    "auth": {"profiles": {"beta:default": {"provider": "beta", "mode": "api_key"}}},
    "tools": {"allow": ["read"]},
}


# The checker

FIELDS = {"baseUrl", "apiKey", "auth", "api", "headers", "authHeader", "models"}
INDIRECT = re.compile(r"\$\(|\$\{|^\s*(?:!|env:|file:|op:)", re.IGNORECASE)
KEY_FORMS = re.compile(r"profile:acme:default|n/a|qwen-oauth|\$\{ACME_API_KEY\}")
HOME = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]|localhost)(?::[0-9]+)?(?:/[\x21-\x7e]*)?")
AWAY = re.compile(r"https://[a-z0-9.:\[\]_-]+(?::[0-9]+)?(?:/[\x21-\x7e]*)?")
LAN = re.compile(r"http://(?:10\.|192\.168\.|172\.(?:1[6-9]|2[0-9]|3[01])\.|100\.|127\.|\[f[cde])\S*")
BAD_HEADER = re.compile(
    r"host|content-length|transfer-encoding|connection|te|trailer|upgrade|expect|(?:proxy-|x-forwarded-).*|cookie"
    r"|forwarded|authorization|.*api-?key.*",
    re.IGNORECASE,
)


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every scalar of a value, and every empty container, with its path."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list) and value:
        for place, item in enumerate(value):
            yield from leaves(item, (*path, str(place)))
    else:
        yield path, value


def _texts(value: dict[str, Any]) -> Leaves:
    return {path: repr(leaf) for path, leaf in leaves(value)}


def _is_grown(path: tuple[str, ...], after: Leaves) -> bool:
    """Tell whether an empty object vanished because something was put into it."""
    return any(other[: len(path)] == path and len(other) > len(path) for other in after)


def escapes(before: dict[str, Any], after: dict[str, Any], consents: bool = False) -> list[str]:
    """Return what a patch of `acme` changed although it may not, or wrote although nobody may."""
    old, new = _texts(before), _texts(after)
    found = [f"gone: {path}" for path in old.keys() - new.keys() if not (_is_in_reach(path) or _is_grown(path, new))]
    values = dict(leaves(after))
    for path in new:
        if old.get(path) == new[path]:
            continue
        if not _is_in_reach(path):
            found.append(f"out of reach: {path}")
        found += [f"{fault}: {path}" for fault in _faults(path, values[path], consents)]
    return found


def _is_in_reach(path: tuple[str, ...]) -> bool:
    if path == ("models", "mode"):
        return True
    if path[:3] == ("models", "providers", "acme"):
        return len(path) > 3 and path[3] in FIELDS
    return path[:3] == ("agents", "defaults", "models") and len(path) > 3 and path[3].startswith("acme/")


def _faults(path: tuple[str, ...], value: Any, consents: bool) -> Iterator[str]:
    if value is None:
        yield "null"
    for key in path:
        if (
            not key
            or key[0] == "$"
            or re.fullmatch(r"__.*__|prototype|constructor|.*[\x00-\x1f\x7f].*", key, re.DOTALL)
        ):
            yield "key"
        if INDIRECT.search(key):
            yield "indirect key"
    own_reference = path[-1] == "apiKey" and value == "${ACME_API_KEY}"
    if isinstance(value, str) and INDIRECT.search(value) and not own_reference:
        yield "indirect value"
    if path[:2] == ("agents", "defaults") and len(path) > 3 and ("*" in path[3] or ".." in path[3]):
        yield "pattern"
    yield from _field_faults(path[3:], value, consents)


def _field_faults(inside: tuple[str, ...], value: Any, consents: bool) -> Iterator[str]:
    if inside == ("baseUrl",):
        forms = (HOME, AWAY, LAN) if consents else (HOME, AWAY)
        if not any(form.fullmatch(value) for form in forms) or re.search(r"[@?#\\%\s]|169\.254\.", value):
            yield "address"
    if inside == ("apiKey",) and not KEY_FORMS.fullmatch(value):
        yield "key in the config"
    if "headers" in inside[:-1] and BAD_HEADER.fullmatch(inside[inside.index("headers") + 1]):
        yield "header"


# The mutator

VALID: tuple[dict[str, Any], ...] = (
    {
        "models": {
            "providers": {
                "acme": {
                    "baseUrl": "https://api.acme.test/v2",
                    "apiKey": "n/a",
                    "api": "openai-completions",
                    "models": [{"id": "rocket", "name": "Rocket", "contextWindow": 8192, "cost": {"input": 1.5}}],
                }
            }
        },
        "agents": {"defaults": {"models": {"acme/rocket": {"alias": "rocket"}}}},
    },
    {"agents": {"defaults": {"models": {"acme/rocket": {}, "acme/anvil": {"params": {"temperature": 0.5}}}}}},
    {"models": {"mode": "merge", "providers": {"acme": {"apiKey": SECRET, "headers": {"X-Team": "blue"}}}}},
    {"models": {"providers": {"acme": {"apiKey": "${ACME_API_KEY}", "authHeader": False, "auth": "api-key"}}}},
)
KEYS = (
    "__proto__",
    "$include",
    "constructor",
    "",
    "models",
    "agents",
    "auth",
    "tools",
    "acme",
    "beta",
    "openai",
    "acme-ai",
    "ACME",
    "a\u0441me",
    "baseUrl",
    "apiKey",
    "headers",
    "mode",
    "defaults",
    "providers",
    "acme/anvil",
    "beta/b",
    "acme/*",
    "acme/../b",
    "Host",
    "X-Team",
    "x-team",
    "Authorization",
    "models.providers.beta",
    "a\nb",
    "name",
    "id",
    "alias",
    "params",
    "plugins",
    SECRET,
)
TEXTS = (
    "https://api.acme.test/v3",
    "https://evil.test\\@api.acme.test",
    "https://user@api.acme.test",
    "http://192.168.1.9:8080/v1",
    "http://localhost:3000/v1",
    "http://api.acme.test",
    "https://169.254.169.254/",
    "https://127.1/",
    "${OPENAI_API_KEY}",
    "${ACME_API_KEY}",
    "${SHARED_API_KEY}",
    "$(id)",
    "!id",
    "env:HOME",
    "file:/etc/passwd",
    "op://vault/key",
    "OPENAI_API_KEY",
    SECRET,
    "n/a",
    "blue",
    "replace",
    "merge",
    "openai",
    "Rocket II",
    "bee",
    "",
    " ",
    "a\x1b[2Jb",
    "oauth",
    "anthropic-messages",
)
SCALARS: tuple[Any, ...] = (None, True, False, 0, 1, -1, 0.5, 4096, 2**53, 2**53 + 1, [], {}, ["text"], [{"id": "x"}])
BENIGN: tuple[tuple[tuple[str, ...], Any], ...] = (
    (("models", "providers", "acme", "api"), "anthropic-messages"),
    (("models", "providers", "acme", "headers"), {"X-Plan": "gold"}),
    (("models", "providers", "acme", "models"), [{"id": "anvil", "name": "Anvil", "input": ["text", "image"]}]),
    (("models", "providers", "acme", "authHeader"), True),
    (("agents", "defaults", "models", "acme/anvil"), {"alias": "anvil"}),
    (("agents", "defaults", "models", "acme/rocket"), {"params": {"topP": 0.9}}),
    (("models", "mode"), "merge"),
)


def containers(value: Any) -> list[Any]:
    """Return every dict and list in a value, outermost first."""
    found: list[Any] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, (dict, list)):
            found.append(item)
            waiting += item.values() if isinstance(item, dict) else item
    return found


def mutate(patch: dict[str, Any], random: Random) -> None:
    """Change one thing in a patch, half of the time into something that is allowed."""
    if random.random() < 0.5:
        path, value = random.choice(BENIGN)
        here = patch
        for key in path[:-1]:
            step = here.get(key)
            if not isinstance(step, dict):
                step = here[key] = {}
            here = step
        here[path[-1]] = copy.deepcopy(value)
        return
    target = random.choice(containers(patch))
    value = random.choice(TEXTS) if random.random() < 0.5 else copy.deepcopy(random.choice(SCALARS))
    if isinstance(target, list):
        target.insert(random.randint(0, len(target)), value)
    elif target and random.random() < 0.6:
        key = random.choice(list(target))
        if random.random() < 0.3:
            target[random.choice(KEYS)] = target.pop(key)
        else:
            target[key] = value
    else:
        target[random.choice(KEYS)] = value


def one_patch(random: Random) -> bytes:
    """Return a valid patch with one to three things changed, as JSON; now and then damaged as text."""
    patch = copy.deepcopy(random.choice(VALID))
    for _ in range(random.randint(1, 3)):
        mutate(patch, random)
    text = json.dumps(patch, ensure_ascii=random.random() < 0.5)
    if random.random() < 0.03:
        place = random.randrange(len(text))
        text = text[:place] + random.choice(("{", "[", '"', "NaN", "\ud800", "1e999", "\x00")) + text[place:]
    return text.encode("utf-8", "surrogatepass")


@dataclass
class Tally:
    """What a run saw."""

    cases: int = 0
    refused: int = 0
    changed: int = 0
    escapes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def share_changed(self) -> float:
        """The share of cases that were accepted and changed something."""
        return self.changed / self.cases

    def __str__(self) -> str:
        return (
            f"{self.cases:,} cases, {self.cases / self.seconds:,.0f} cases/s, {len(self.escapes)} escapes, "
            f"{self.refused / self.cases:.1%} refused, {self.share_changed:.1%} accepted and changed"
        )


def judge(plan: PatchPlan, accepted: tuple[str, ...], patch: bytes) -> tuple[bool, list[str]]:
    """Apply a plan; returns whether it changed anything, and the escapes."""
    after: dict[str, Any] = plan.apply(CURRENT, accepted)
    if after == CURRENT:
        return False, _told(plan, patch)
    found = [f"{fault} from {patch!r}" for fault in escapes(CURRENT, after, consents=bool(accepted))]
    if plan.refused and after != CURRENT:
        found.append(f"refused, yet changed: {patch!r}")
    if not accepted and after["models"].get("mode") != "merge":
        found.append(f"mode without consent: {patch!r}")
    if any(each.key == SECRET for each in plan.secrets) and SECRET in json.dumps(after):
        found.append(f"key in the config: {patch!r}")
    return True, [*found, *_told(plan, patch)]


def _told(plan: PatchPlan, patch: bytes) -> list[str]:
    told = repr(plan.secrets) + "".join(f"{each.path} {each.message} {each.hint}" for each in plan.diagnostics)
    return [f"secret told: {patch!r}"] if SECRET in told else []


def run(count: int, seed: int, plan: Callable[..., PatchPlan] = plan_patch) -> Tally:
    """Put `count` mutated patches through the guard, half of them with every consent given."""
    registry, random, tally = make_registry(), Random(seed), Tally()
    began = time.perf_counter()
    for _ in range(count):
        patch = one_patch(random)
        made = plan(CURRENT, patch, provider_id="acme", owner=ACME, registry=registry)
        accepted = tuple({each.code for each in made.consents}) if random.random() < 0.5 else ()
        changed, found = judge(made, accepted, patch)
        tally.cases += 1
        tally.refused += made.refused
        tally.changed += changed
        tally.escapes += found
    tally.seconds = time.perf_counter() - began
    return tally


def main() -> int:
    """Run the mutator; the exit status is 1 when something escaped or too little was accepted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tally = run(options.count, options.seed)
    print(tally)
    for each in tally.escapes[:20]:
        print(each)
    return 1 if tally.escapes or tally.share_changed < 0.2 else 0


if __name__ == "__main__":
    raise SystemExit(main())
