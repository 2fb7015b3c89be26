# SPDX-License-Identifier: Apache-2.0
"""Table, plot and page of what was predicted and what came of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

Result = Mapping[str, Any]


def line(result: Result) -> str:
    """One result in a line."""
    did, ours = result["did"], result["predicted"]["ours"]
    if did["completed"]:
        real = f"{did['total_ms'] / 1e3:.1f} s, {did['downtime_ms']} ms"
    else:
        real = f"no end in {did['elapsed_s']:.0f} s ({did['passes']} passes)"
    said = "no end"
    if ours["converges"]:
        said = f"{ours['total_s']:.1f} s, {ours['downtime_ms']:.0f} ms"
    return f"{result['key']:24} predicted {said}; was {real}"


def write(results: Sequence[Result], out: Path, console: Console) -> None:
    pass
