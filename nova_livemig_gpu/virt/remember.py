"""What a migration that has ended leaves to the history of its source.

The pause that is not copying is what the downtime exceeded the limit by, as
in ``migration.overhead``. The stun of vGPUs is what it exceeded the copying
of the last memory and the usual overhead by; it is kept where all vGPUs are
of one kind and their framebuffer is known, and the server was not paused by
us.

Memory that was not zero is, at most, the least of

    all memory of the server
    QEMU's count of pages that it sent in full, where it completed
    what the first pass sent and left, headers of zero pages included

Each is an upper bound by itself; what is sent compressed, or not under our
eyes, says nothing. Example: 1 GiB, 20,000 pages sent in full in 3 passes, of
which the first sent 65 MB and left 3 MB: 68 MB.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from nova_livemig_gpu.history.entry import PLAIN, Entry, Settings
from nova_livemig_gpu.model import JobState, Outcome, Pass
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.policies.sharing import capacity_bps
from nova_livemig_gpu.prediction import shown
from nova_livemig_gpu.prediction.stun import StunSeen
from nova_livemig_gpu.virt.foreseen import Foreseen

_PASSES_KEPT = 12
_PAGE = 4096


def entry(
    head: Mapping[str, Any],
    outcome: Outcome,
    foreseen: Foreseen,
    end: Progress | None,
    vfio: bool,
    versions: tuple[tuple[str, str], ...],
    settings: Settings = PLAIN,
) -> Entry:
    """Return what is kept.

    What a migration whose rate was limited while it ran (``migration.pace``)
    shows of the link, and how wrong its prediction was, is not kept: it tells
    nothing of one that is not limited. Its pause was not, so what of that was
    memory is reckoned with the link's speed; where that is unknown, none was.

    :param head: migration, server, source, destination, memory_mb and
        running, as the record has them
    :param end: where our loop ran; None: it did not
    :param settings: how it was started
    """
    memory_bytes = int(head["memory_mb"]) * 2**20
    passes = end.passes if end else ()
    now_s = end.elapsed_s if end else 0.0
    points = shown.points(_free(passes), memory_bytes, now_s)
    limited = end is not None and end.bandwidth_mib_s is not None
    return Entry(
        migration=str(head["migration"]),
        server=str(head["server"]),
        source=str(head["source"]),
        destination=str(head["destination"]),
        ended_at=time.time(),
        outcome=outcome,
        settings=replace(
            settings,
            mode=_mode(outcome, end),
            limit_ms=end.limit_ms if end else None,
        ),
        memory_bytes=memory_bytes,
        bandwidth_bps=(
            None if limited else shown.bandwidth_bps(_free(passes) or passes)
        ),
        concurrent=head.get("running"),
        overhead_ms=None if limited else _overhead_ms(outcome, end, vfio),
        curve=points[:1] + points[1:][-_PASSES_KEPT:],
        prediction=None if limited else foreseen.prediction,
        stuns=_stuns(head, outcome, foreseen, end),
        vfio=vfio,
        versions=versions,
        normal_bytes=_normal_bytes(outcome, end, memory_bytes, settings),
        resident_bytes=foreseen.resident_bytes,
    )


def error(foreseen: Foreseen, outcome: Outcome) -> dict[str, Any] | None:
    """By how much the prediction was off; None: nothing to compare.

    ``total`` and ``downtime`` are predicted by measured, less 1.
    """
    given = foreseen.prediction
    if given is None:
        return None
    done = outcome.state is JobState.COMPLETED
    found: dict[str, Any] = {"converges": given.converges, "completed": done}
    if not (done and given.converges):
        return found
    if outcome.total_ms and given.total_s is not None:
        found["total"] = round(given.total_s * 1e3 / outcome.total_ms - 1, 4)
    if outcome.downtime_ms and given.downtime_ms is not None:
        found["downtime_ms"] = round(
            given.downtime_ms - outcome.downtime_ms, 1
        )
    return found


def _free(passes: Sequence[Pass]) -> list[Pass]:
    """Without those that auto-converge has slowed down: they show another
    guest, and waiting for it."""
    return [each for each in passes if not each.throttle_percent]


def _mode(outcome: Outcome, end: Progress | None) -> str:
    if not outcome.postcopy:
        return "precopy"
    return "hybrid" if end is not None and end.pass_count else "postcopy"


def _normal_bytes(
    outcome: Outcome,
    end: Progress | None,
    memory_bytes: int,
    settings: Settings,
) -> float | None:
    if end is None or settings.compression is not None:
        return None
    bounds = [_sent_whole(outcome, end), _first_pass(end)]
    known = [each for each in bounds if each is not None and each > 0]
    return float(min(*known, memory_bytes)) if known else None


def _sent_whole(outcome: Outcome, end: Progress) -> int | None:
    """All pages that were sent in full, once or more often."""
    last = end.sample
    if outcome.state is not JobState.COMPLETED or last is None:
        return None
    if last.state is not JobState.COMPLETED or last.normal_pages is None:
        return None
    return last.normal_pages * (last.page_size_bytes or _PAGE)


def _first_pass(end: Progress) -> int | None:
    """From the start of the job on, which our loop sees a little late."""
    if end.first is None or not end.passes or end.passes[0].number != 1:
        return None
    before = end.first.processed_bytes
    if before is None:
        return None
    first = end.passes[0]
    return before + first.sent_bytes + first.unsent_bytes


def _overhead_ms(
    outcome: Outcome, end: Progress | None, vfio: bool
) -> float | None:
    if vfio or outcome.downtime_ms is None or not _plain(outcome, end):
        return None
    assert end is not None and end.limit_ms is not None
    return float(max(outcome.downtime_ms - end.limit_ms, 0))


def _plain(outcome: Outcome, end: Progress | None) -> bool:
    """Pre-copy that ended by its limit, under our eyes."""
    if outcome.state is not JobState.COMPLETED:
        return False
    if outcome.forced or outcome.postcopy:
        return False
    return end is not None and end.limit_ms is not None


def _stuns(
    head: Mapping[str, Any],
    outcome: Outcome,
    foreseen: Foreseen,
    end: Progress | None,
) -> tuple[StunSeen, ...]:
    vgpus = foreseen.vgpus
    if not vgpus or outcome.downtime_ms is None or not _plain(outcome, end):
        return ()
    sizes = [vgpu.framebuffer_bytes for vgpu in vgpus]
    known = [size for size in sizes if size is not None]
    keys = {vgpu.key for vgpu in vgpus}
    if len(known) < len(sizes) or len(keys) > 1:
        return ()
    key = keys.pop()
    memory_ms = _last_memory_ms(end, key.link_mbps)
    stun_ms = outcome.downtime_ms - memory_ms - float(head["overhead_ms"])
    return (StunSeen(key, sum(known), max(stun_ms, 0.0) / 1e3, len(vgpus)),)


def _last_memory_ms(end: Progress | None, link_mbps: float | None) -> float:
    """Copying what memory was left when the loop last looked."""
    if end is None or not end.window:
        return 0.0
    left = end.window[-1].remaining_bytes
    rate = shown.bandwidth_bps(end.passes)
    if end.bandwidth_mib_s is not None:
        rate = capacity_bps(link_mbps, 0)
    return left / rate * 1e3 if left and rate else 0.0
