"""What reading and editing a JSON5 document costs, as ratios to the standard library's json in the same run.

Run it with `python bench/document.py`. Every figure is the median of many rounds, the contenders taking turns.
"""

from __future__ import annotations

import importlib
import json
import re
import statistics
import time
from typing import TYPE_CHECKING

from jackfield.config.document import Document

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 200
PATH = ("models", "providers", "provider-2", "baseUrl")


def sample(providers: int = 5) -> str:
    """Return a config of about 5 KB: unquoted keys, comments, and trailing commas."""
    models = [
        {"id": f"model-{index}", "reasoning": False, "input": ["text", "image"], "cost": {"input": 0.5, "output": 1.5}}
        for index in range(3)
    ]
    blocks = {
        f"provider-{index}": {
            "baseUrl": f"https://api.provider-{index}.example/v1",
            "apiKey": f"${{PROVIDER_{index}_KEY}}",
            "api": "openai-completions",
            "models": models,
        }
        for index in range(providers)
    }
    text = json.dumps({"models": {"mode": "merge", "providers": blocks}}, indent=2)
    text = re.sub(r'"(\w+)": ', r"\1: ", text)
    text = text.replace("reasoning: false,", "reasoning: false, // seen in the vendor's list")
    return "// made by hand\n" + re.sub(r'([\w"}\]])\n', r"\1,\n", text) + "\n"


def medians(runs: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the median time of each run in milliseconds."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            taken[name].append((time.perf_counter() - start) * 1_000)
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    text = sample()
    document = Document.parse(text)
    plain = json.dumps(document.value, indent=2)
    counter = iter(range(10**9))
    found = medians(
        {
            "json.loads": lambda: json.loads(plain),
            "json.loads + dumps": lambda: json.dumps(json.loads(plain), indent=2),
            "parse": lambda: Document.parse(text),
            "replace a value": lambda: document.set(PATH, f"https://{next(counter)}.example/v1"),
            "insert a member": lambda: document.set((*PATH[:3], "timeout"), next(counter)),
            "insert a provider": lambda: document.set((*PATH[:2], "new"), {"baseUrl": "https://new.example", "n": [1]}),
            "delete a member": lambda: document.delete(PATH),
        }
    )
    print(f"text {len(text.encode()):,} bytes, the same data as JSON {len(plain):,}")
    print(f"parse: {found['parse']:.3f} ms, {len(text) / found['parse'] / 1_000:.1f} MB/s")
    print(f"parse / json.loads: {found['parse'] / found['json.loads']:.1f}")
    for name in ("replace a value", "insert a member", "insert a provider", "delete a member"):
        ratio = found[name] / found["json.loads + dumps"]
        print(f"{name} / json.loads + dumps: {ratio:.1f} ({found[name]:.3f} ms)")
    try:
        json5 = importlib.import_module("json5")
    except ImportError:
        return
    other = medians({"json5": lambda: json5.loads(text)}, rounds=5)["json5"]
    print(f"json5.loads / parse: {other / found['parse']:.1f} ({other:.1f} ms)")


if __name__ == "__main__":
    main()
