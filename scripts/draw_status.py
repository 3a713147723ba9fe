"""Draw docs/status.svg anew: `python scripts/draw_status.py [--output FILE] [--check]`.

The table is drawn by the code that `jackfield status` prints with, over the states below. Nobody is asked for anything,
and the same source gives the same bytes. With `--check` nothing is written, and the exit status is 1 when the picture
is stale.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jackfield.cli.status import status_table
from jackfield.providers.registry import ProviderRegistry
from jackfield.status import ProviderStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jackfield.status import State

OUTPUT = Path(__file__).parents[1] / "docs" / "status.svg"
WIDTH = 112

_ACCEPTED = "The provider accepts the credential."


class Shown(NamedTuple):
    """One row: the provider's id, its state, where its credential is from, what is said of it, seconds to answer."""

    id: str
    state: State
    source: str | None
    source_name: str | None
    reason: str
    elapsed_s: float | None = None


ROWS = (
    Shown("anthropic", "verified", "profile", "anthropic:default", _ACCEPTED, 0.231),
    Shown("copilot-proxy", "unreachable", None, None, "http://localhost:3000 refuses connections."),
    Shown("google", "verified", "env", "GEMINI_API_KEY", _ACCEPTED, 0.188),
    Shown(
        "groq", "failing", "env", "GROQ_API_KEY", "The provider refused the credential (401): Invalid API Key", 0.142
    ),
    Shown("ollama", "reachable", None, None, "The service answers.", 0.004),
    Shown("openai", "verified", "profile", "openai:work", _ACCEPTED, 0.274),
    Shown("openrouter", "verified", "profile", "openrouter:default", _ACCEPTED, 0.163),
)

# Rich's own frame fetches a font from the network; this one takes a monospaced font that is there. The text is laid out
# by its lengths, so that it looks the same in each.
FRAME = """\
<svg class="{unique_id}" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<title>jackfield status: a table of providers with their state, credential source, reason and answer time</title>
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: ui-sans-serif, Arial, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def draw() -> str:
    """Return the picture as SVG."""
    from rich.console import Console

    registry = ProviderRegistry.with_core()
    statuses = [
        ProviderStatus(
            each.id,
            each.state,
            each.source,
            each.reason,
            registry.resolve_provider(each.id).label,
            each.source_name,
            each.elapsed_s,
        )
        for each in ROWS
    ]
    console = Console(
        record=True,
        file=io.StringIO(),
        width=WIDTH,
        height=len(ROWS) * 2,
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        no_color=False,
        highlight=False,
        _environ={},
    )
    console.print("$ jackfield status")
    console.print(status_table(statuses))
    picture = console.export_svg(title="jackfield", code_format=FRAME, unique_id="jackfield")
    return "\n".join(line.rstrip() for line in picture.splitlines()) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the picture; return the exit status."""
    parser = argparse.ArgumentParser(description="Draw docs/status.svg anew.")
    parser.add_argument("--output", type=Path, default=OUTPUT, metavar="FILE", help="where the picture goes")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the picture is stale")
    options = parser.parse_args(arguments)
    picture = draw()
    if not options.check:
        options.output.write_text(picture, encoding="utf-8", newline="\n")
        return 0
    if options.output.exists() and options.output.read_text(encoding="utf-8") == picture:
        return 0
    print(f"{options.output} is stale: python scripts/draw_status.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())
