"""A prediction as a table or as JSON.

JSON has numbers that are finite, words, and null for what is unknown: where a
migration does not converge, all of duration, downtime, passes and bytes.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from nova_livemig_gpu.model import Prediction
from nova_livemig_gpu.prediction.stun import Spread

_LABELS = {
    "converges": "converges",
    "why": "why",
    "mode": "mode",
    "throttle_percent": "auto-converge needed, %",
    "total_s": "total, s",
    "total_p90_s": "total, P90, s",
    "downtime_ms": "downtime, ms",
    "downtime_p90_ms": "downtime, P90, ms",
    "passes": "passes",
    "bytes": "bytes",
    "disk_bytes": "of them disk",
    "framebuffer_bytes": "framebuffer, bytes",
    "framebuffer_basis": "framebuffer from",
    "stun_p50_ms": "stun, P50, ms",
    "stun_p90_ms": "stun, P90, ms",
    "stun_p05_ms": "stun, 9 of 10 above, ms",
    "stun_p95_ms": "stun, 9 of 10 below, ms",
    "note": "note",
    "rests_on": "rests on",
}


def of_stun(spread: Spread, framebuffer_bytes: float) -> dict[str, Any]:
    """Return what is shown of a stun alone."""
    return {"framebuffer_bytes": round(framebuffer_bytes), **_stun(spread)}


def of_migration(
    found: Prediction, spread: Spread | None, note: str | None = None
) -> dict[str, Any]:
    """Return what is shown of a migration."""
    ends = found.converges
    values: dict[str, Any] = {
        "converges": ends,
        "total_s": found.total_s,
        "downtime_ms": found.downtime_ms,
        "passes": found.passes if ends else None,
        "bytes": round(found.sent_bytes) if ends else None,
        "total_p90_s": found.total_p90_s,
        "downtime_p90_ms": found.downtime_p90_ms,
        "disk_bytes": round(found.disk_bytes),
        "mode": found.mode.value,
        "why": found.why,
    }
    if found.stun is not None:
        values["framebuffer_bytes"] = found.stun.framebuffer_bytes
        values["framebuffer_basis"] = found.stun.basis
    if spread is not None:
        values |= _stun(spread)
    if note:
        values["note"] = note
    return values


def show(form: str, values: Mapping[str, Any]) -> None:
    """Print in the form "json" or "table"."""
    if form == "json":
        body = {name: _finite(value) for name, value in values.items()}
        print(json.dumps(body, allow_nan=False))
    else:
        _table(values)


def _stun(spread: Spread) -> dict[str, Any]:
    return {
        "stun_p50_ms": spread.p50_s * 1e3,
        "stun_p90_ms": spread.p90_s * 1e3,
        "stun_p05_ms": spread.p05_s * 1e3,
        "stun_p95_ms": spread.p95_s * 1e3,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _table(values: Mapping[str, Any]) -> None:
    # only here: the JSON form needs no more than the standard library
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, label in _LABELS.items():
        if name in values:
            table.add_row(label, _words(values[name]))
    Console().print(table)


def _words(value: Any) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.3f}" if math.isfinite(value) else "unknown"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return str(value)
