# SPDX-License-Identifier: Apache-2.0
"""What earlier migrations have taught: medians, as a host's history has.

Knows only results that were there before; a link is told by its rate, as a
pair of hosts is in a cloud. Nothing here depends on the load.
"""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

#: Of so many newest migrations.
NEWEST = 12
MODELS = ("ours", "passes", "constant rate")
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Experience:
    """See ``learn``. None: nothing is known.

    :ivar bandwidth_bps: bytes per second that flow
    :ivar setup_s: of the total, what is not sending
    :ivar excess_ms: what the pause was longer than each model said
    :ivar other_rss_bytes: of the process's resident memory, what is not the
        guest's non-zero memory
    :ivar normal_bytes: this guest's non-zero memory when it last migrated
    """

    bandwidth_bps: float | None
    setup_s: float | None
    excess_ms: Mapping[str, float | None]
    other_rss_bytes: float | None
    normal_bytes: float | None


def learn(earlier: Iterable[Result], link_mbps: int, guest: str) -> Experience:
    """From completed migrations, oldest first.

    :param guest: identifies the running guest
    """
    done = [r for r in earlier if r["did"]["completed"]]
    over = [r for r in done if r["link_mbps"] == link_mbps][-NEWEST:]
    rate = _median([_rate_bps(r) for r in over])
    return Experience(
        bandwidth_bps=rate,
        setup_s=_median([_setup_s(r, rate) for r in over]) if rate else None,
        excess_ms={
            model: _median(_excess_ms(r, model) for r in over)
            for model in MODELS
        },
        other_rss_bytes=_median(
            [
                r["before"]["rss_bytes"] - _normal(r)
                for r in done[-NEWEST:]
                if r["before"]["rss_bytes"]
            ]
        ),
        normal_bytes=next(
            (_normal(r) for r in reversed(done) if r["guest"] == guest), None
        ),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _rate_bps(result: Result) -> float:
    """Over the finished passes, which the loop has timed."""
    passes = [p for p in result["did"]["each"] if not p["merged"]]
    passes = passes or result["did"]["each"]
    return sum(p["sent_bytes"] for p in passes) / sum(
        p["end_s"] - p["start_s"] for p in passes
    )


def _setup_s(result: Result, rate_bps: float) -> float:
    did = result["did"]
    return did["total_ms"] / 1e3 - did["sent_bytes"] / rate_bps


def _excess_ms(result: Result, model: str) -> float | None:
    """What the model alone had left out; None: it predicted no end."""
    said = result["predicted"][model]
    if not said["converges"]:
        return None
    model_ms = said["downtime_ms"] - said["overhead_ms"]
    return float(result["did"]["downtime_ms"] - model_ms)


def _normal(result: Result) -> float:
    return result["before"]["total_bytes"] - result["did"]["zero_bytes"]
