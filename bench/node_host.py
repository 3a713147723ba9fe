"""What a plugin in TypeScript costs, over a bare Node.js: the host ready, and the first plugin registered.

Measured from the start of the process to the message on the pipe, in turns with `node -e 0` from its start to its end.
Warm means that the sources were stripped of their types before, as they are after an installation; cold means that they
are stripped now, which loads the parser that Node.js brings. Run it with `python -m bench.node_host`.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench._measure import MILLISECOND, show_ratio

from jackfield.plugins.runtime import NodeRuntime, find_node, node_argv

if TYPE_CHECKING:
    from collections.abc import Mapping

ROUNDS = 21

# A plugin of two files as they are in the wild: types, an import of the SDK, `./oauth.js` for oauth.ts.
FILES = {
    "index.ts": """
import { emptyPluginConfigSchema } from "openclaw/plugin-sdk";
import { login, type Region } from "./oauth.js";

const region: Region = "global";

const plugin = {
  id: "acme-auth",
  name: "Acme",
  configSchema: emptyPluginConfigSchema(),
  register(api: any): void {
    api.registerProvider({
      id: "acme",
      label: "Acme",
      aliases: ["acme-ai"],
      auth: [{ id: "device", label: "Acme login", kind: "device_code", run: (ctx: any) => login(ctx, region) }],
    });
  },
};

export default plugin;
""",
    "oauth.ts": """
export type Region = "eu" | "global";

type Token = { access: string; refresh: string; expires: number };

const ADDRESSES: Record<Region, string> = { eu: "https://eu.acme.example", global: "https://acme.example" };

async function fetchToken(address: string, code: string): Promise<Token> {
  const response = await fetch(`${address}/token`, { method: "POST", body: new URLSearchParams({ code }) });
  if (!response.ok) throw new Error(`The token was refused: ${response.status}`);
  return (await response.json()) as Token;
}

export async function login(ctx: any, region: Region) {
  const code: string = await ctx.prompter.text({ message: "Code" });
  const token = await fetchToken(ADDRESSES[region], code);
  return { profiles: [{ profileId: "acme:default", credential: { type: "oauth", provider: "acme", ...token } }] };
}
""",
}


def time_bare(node: NodeRuntime) -> float:
    """Return how long a bare Node.js takes from its start to its end, in seconds."""
    start = time.perf_counter()
    subprocess.run([str(node.path), "-e", "0"], stdin=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def time_host(node: NodeRuntime, cache: Path, request: Mapping[str, object] | None) -> float:
    """Return how long the host takes until it is ready or, with a `request`, until that is answered, in seconds."""
    read, write = os.pipe()
    argv = node_argv(node, write, cache_dir=cache)
    start = time.perf_counter()
    with os.fdopen(read, "rb") as pipe, subprocess.Popen(argv, stdin=subprocess.PIPE, pass_fds=(write,)) as child:
        os.close(write)
        answer = pipe.readline()
        if request is not None and child.stdin is not None:
            child.stdin.write(json.dumps(request).encode() + b"\n")
            child.stdin.flush()
            answer = pipe.readline()
        taken = time.perf_counter() - start
        child.kill()
    if b'"result"' not in answer and b'"ready"' not in answer:
        raise SystemExit(f"The host failed: {answer.decode()}")
    return taken


def time_cold(node: NodeRuntime, cache: Path, request: Mapping[str, object]) -> float:
    """Return what `time_host` returns when nothing was stripped before."""
    taken = time_host(node, cache, request)
    shutil.rmtree(cache)
    return taken


def main() -> None:
    node = find_node(os.environ)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in FILES.items():
            (folder / file).write_text(text, encoding="utf-8")
        params = {"entry": str(folder / "index.ts"), "root": name, "id": "acme-auth", "config": {}}
        request = {"jsonrpc": "2.0", "id": 1, "method": "load", "params": params}
        runs = {
            "bare": partial(time_bare, node),
            "ready": partial(time_host, node, folder / "warm", None),
            "warm": partial(time_host, node, folder / "warm", request),
            "cold": partial(time_cold, node, folder / "cold", request),
        }
        for run in runs.values():
            run()
        rounds = [{name: run() for name, run in runs.items()} for _ in range(ROUNDS)]
    spent = {name: statistics.median(each[name] for each in rounds) for name in runs}
    of = f"bare node {node.version}"
    show_ratio("node host ready", spent["ready"], spent["bare"], MILLISECOND, 1.3, of)
    show_ratio("first plugin registered, sources stripped before", spent["warm"], spent["bare"], MILLISECOND, 1.5, of)
    show_ratio("first plugin registered, sources stripped now", spent["cold"], spent["bare"], MILLISECOND, None, of)


if __name__ == "__main__":
    main()
