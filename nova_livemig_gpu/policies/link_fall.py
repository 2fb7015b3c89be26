"""Whether the link carries what it has shown, before a step without return.

Post-copy cannot be taken back, and while it lasts the guest waits for its
pages and the loss of either host loses it. So it is not begun over a link
that has just fallen: what is left would take minutes that takes seconds when
the link is back. With b what flows now (the least of what half a second and
two seconds tell), S the most that was sent in two seconds of this migration,
and R what is left, a switch is put off while

    b < S / 2       and, once that has lasted for 10 minutes, b < S / 10
    R / b - R / S > 5 s

The first: a link that carries less for ten minutes is taken to be such a link
from then on, unless it is a small part of what it was. The second: what costs
no more than 5 s is no harm. Where the sending rate is limited by this package
S is no more than that limit.

A link that was slow from the beginning has shown nothing else, and is no
obstacle. The deadline (``policies.deadline``) does not ask.

Missing data: b or S unknown: nothing is put off.

Example: 112 MB/s in the first pass, 420 MB left, then 1.2 MB/s: 350 s instead
of 4. Put off, until 56 MB/s flow again.
"""

from nova_livemig_gpu.policies.progress import Progress

_SHARE, _LEAST_SHARE = 1 / 2, 1 / 10
_LASTING_S = 600.0
_HARMLESS_S = 5.0
_MIB = 2**20


def shown_bps(progress: Progress) -> float:
    """Return S; 0: unknown."""
    limit = progress.bandwidth_mib_s
    if not limit:
        return progress.best_bps
    return min(progress.best_bps, limit * float(_MIB))


def flow_bps(progress: Progress) -> float | None:
    """Return b; None: unknown."""
    now, lately = progress.flow_bps(), progress.bandwidth_bps()
    if now is None or lately is None:
        return now
    return min(now, lately)


def has_fallen(progress: Progress, left_bytes: float) -> bool:
    """Whether a step without return is to be put off.

    :param left_bytes: R
    """
    now, shown = flow_bps(progress), shown_bps(progress)
    if now is None or not shown:
        return False
    low_s = progress.elapsed_s - progress.best_bps_s
    share = _SHARE if low_s < _LASTING_S else _LEAST_SHARE
    if now >= share * shown:
        return False
    return not now or left_bytes / now - left_bytes / shown > _HARMLESS_S
