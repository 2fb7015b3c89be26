"""A trace: a migration that was recorded, to be run by other laws.

    {"memory_mib": 4000,
     "passes": [[0, 4000], [40, 900], [49, 20]],   s, MiB left when it began
     "bandwidth_mbps": [[0, 800]],                 s, Mbit/s; linear between
     "settings": {"max_downtime_ms": 500},
     "bounds": {"postcopy_forbidden": {"state": "completed"},
                "postcopy_allowed": {"total_s_most": 80}}}

Each is run twice, with post-copy forbidden and allowed, or as ``settings``
say; the guest is that of ``planning.recorded``. Where there are no bounds,
what is right is read off the trace. With the first pass whose R fits into B *
(budget - overhead), or without one:

forbidden   completes within 2 s or 2% of that, or runs on to ``timeout_s``
allowed     completes by 1.1 times the first pass and the sending of what it
            left; or, where that is later, as if it were forbidden

Example: the trace above, 500 ms with 100 ms overhead: 51 s; allowed 53.4 s.
"""

from nova_livemig_gpu.model import Budget, OnTimeout
from nova_livemig_gpu.planning import recorded
from nova_livemig_gpu.planning.cases.case import (
    Bounds,
    Case,
    Server,
    read_bounds,
    read_budget,
)
from nova_livemig_gpu.planning.cases.fields import Fields
from nova_livemig_gpu.planning.rates import WIRE
from nova_livemig_gpu.planning.recorded import RecordedGuest

_MIB = 2**20
_MOST_MIB = 2.0**40
_BITS_PER_S = 10**6 / 8
_OVERHEAD_MS = 100.0
_SOON_S, _SOON, _LONGER = 2.0, 0.02, 1.1
_VARIANTS = {"postcopy_forbidden": "forbid", "postcopy_allowed": "allow"}
_NAMES = ("memory_mib", "passes", "bandwidth_mbps", "settings", "bounds")


def parse(fields: Fields) -> tuple[Case, ...]:
    """Return the cases of a trace.

    :raises InvalidCase: naming file and field
    """
    fields.only_and_notes(*_NAMES, "columns")
    guest = _guest(fields)
    all_bounds = fields.object("bounds")
    all_bounds.only(*_VARIANTS)
    cases = []
    for variant, postcopy in _VARIANTS.items():
        budget, is_set = read_budget(
            fields.object("settings"),
            guest.total_bytes / _MIB,
            postcopy=postcopy,
        )
        if "postcopy" in is_set and budget.postcopy != (postcopy == "allow"):
            continue
        if all_bounds.has(variant):
            bounds = read_bounds(all_bounds.object(variant))
        else:
            bounds = derive_bounds(guest, budget)
        first_mbps = guest.rate_bps[0][1] / _BITS_PER_S
        cases.append(
            Case(
                fields.file,
                (Server(guest, budget, bounds=bounds),),
                ((0.0, first_mbps),),
                _OVERHEAD_MS,
                variant=variant,
            )
        )
    return tuple(cases)


def _guest(fields: Fields) -> RecordedGuest:
    memory = fields.number("memory_mib", 1, _MOST_MIB, None)
    passes = fields.pairs("passes", 0, memory * 1.05)
    rate = fields.pairs("bandwidth_mbps", 1e-3, 1e9)
    return recorded.guest(
        int(memory * _MIB),
        [(at_s, left * _MIB) for at_s, left in passes],
        [(at_s, mbps * _BITS_PER_S) for at_s, mbps in rate],
    )


def derive_bounds(guest: RecordedGuest, budget: Budget) -> Bounds:
    """Return what is right, see the module."""
    alone_s = _precopy_ends_s(guest, budget)
    if not budget.postcopy:
        if alone_s is not None:
            return Bounds("completed", total_s_most=_soon_s(alone_s))
        ends = {OnTimeout.ABORT: "cancelled", OnTimeout.CONTINUE: "running"}
        return Bounds(
            ends.get(budget.on_timeout, "completed"),
            total_s_least=budget.timeout_s,
        )
    first_s, left = guest.passes[min(1, len(guest.passes) - 1)]
    switched_s = first_s + left * WIRE / guest.sending_bps(first_s)
    most_s = max(switched_s * _LONGER, _soon_s(alone_s or 0.0))
    return Bounds("completed", total_s_most=most_s)


def _soon_s(at_s: float) -> float:
    return at_s + max(_SOON_S, _SOON * at_s)


def _precopy_ends_s(guest: RecordedGuest, budget: Budget) -> float | None:
    limit_s = (budget.max_downtime_ms - _OVERHEAD_MS) / 1e3
    for at_s, left in guest.passes[1:]:
        if left <= guest.sending_bps(at_s) * limit_s:
            return at_s
    return None
