"""Sums up which hosts were refused, for the log and for the API."""

from collections.abc import Iterable, Mapping, Sequence

from nova_livemig_gpu.scheduler.verdict import Verdict

_NAMES = 3

Refused = Mapping[str, Sequence[tuple[str, Verdict]]]


def for_log(refused: Refused) -> str:
    """Return codes, counts, some names and a sentence for each code."""
    return "; ".join(
        f"{code}: {len(found)} ({_names(found)}), {found[0][1].tell(host)}"
        for code, found in refused.items()
        for host in (found[0][0],)
    )


def for_api(refused: Refused) -> str:
    """Return what the API may tell: its reader must not learn host names,
    for the owner of the server reads it, too.

    The codes come first: Nova keeps 255 characters. The log has the rest.
    """
    counts = ", ".join(f"{code} {len(f)}" for code, f in refused.items())
    reasons = "; ".join(found[0][1].reason for found in refused.values())
    return f"Hosts refused: {counts}. {reasons}"


def _names(found: Iterable[tuple[str, Verdict]]) -> str:
    names = [host for host, _ in found]
    shown = ", ".join(names[:_NAMES])
    return f"{shown}, ..." if len(names) > _NAMES else shown
