# SPDX-License-Identifier: Apache-2.0
"""The predictions for one cell, from what is known before its start."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from livelab.predicting.experience import MODELS, Experience
from nova_livemig_gpu.model import DirtyCurve, GuestMemory, Prediction
from nova_livemig_gpu.prediction import constant, merge
from nova_livemig_gpu.prediction.forecast import (
    Rule,
    Transport,
    Wanted,
    Workload,
    forecast,
)
from nova_livemig_gpu.prediction.merge import Observed

PAGE = 4096
#: Where nothing was migrated yet: what a link of this rate carries.
PAYLOAD = 0.95


def memory(total: int, rss: int | None, known: Experience) -> GuestMemory:
    """Its non-zero pages: as of its last migration; else its resident
    memory, less what was not the guest's in earlier migrations."""
    normal = known.normal_bytes
    if normal is None and rss:
        normal = rss - (known.other_rss_bytes or 0)
    normal = min(max(normal or total, PAGE), total)
    return GuestMemory(normal / PAGE, (total - normal) / PAGE, PAGE)


def transport(link_mbps: int, known: Experience) -> Transport:
    """The link as it was, or as its rate says."""
    rate = known.bandwidth_bps or link_mbps * 1e6 / 8 * PAYLOAD
    return Transport(
        bandwidth_bps=rate,
        setup_s=max(known.setup_s or 0.0, 0.0),
    )


def first_pass_s(
    total: int, rss: int | None, link_mbps: int, known: Experience
) -> float:
    """How long the first pass will take."""
    return (
        memory(total, rss, known).normal_bytes
        / transport(link_mbps, known).bandwidth_bps
    )


def observed(before: Mapping[str, Any]) -> list[Observed]:
    """The measured points."""
    return [Observed(**point) for point in before["observed"]]


def predict(
    before: Mapping[str, Any],
    known: Experience,
    way: Transport,
    limit_ms: int,
) -> dict[str, dict[str, Any]]:
    """Predictions by the name of their model."""
    guest = memory(before["total_bytes"], before["rss_bytes"], known)
    curve = merge.merge(observed(before), guest.normal_bytes)
    flat = constant.flat(curve) if curve else None
    found = {}
    for model in MODELS:
        excess_ms = max(known.excess_ms[model] or 0.0, 0.0)
        found[model] = _one(
            guest,
            flat if model == "constant rate" else curve,
            replace(way, overhead_ms=excess_ms),
            limit_ms,
            Rule.QEMU if model == "ours" else Rule.PASSES,
        )
    return found


def _one(
    guest: GuestMemory,
    curve: DirtyCurve | None,
    way: Transport,
    limit_ms: int,
    rule: Rule,
) -> dict[str, Any]:
    said: Prediction = forecast(
        Workload(guest, curve), way, Wanted(float(limit_ms), rule=rule)
    )
    return {
        "converges": said.converges,
        "total_s": said.total_s,
        "downtime_ms": said.downtime_ms,
        "passes": said.passes,
        "sent_bytes": said.sent_bytes,
        "floor_bytes": said.floor_bytes,
        "why": said.why,
        "overhead_ms": way.overhead_ms,
    }
