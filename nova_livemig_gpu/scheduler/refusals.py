"""Sums up which hosts were refused, for the log and for the API."""

from collections.abc import Iterable, Mapping, Sequence

from nova_livemig_gpu.scheduler.verdict import Verdict

_NAMES = 3

Refused = Mapping[str, Sequence[tuple[str, Verdict]]]


def for_log(refused: Refused) -> str:
    """Return codes, counts, some names and a sentence for each code."""
    return "; ".join(
        f"{code}: {len(found)} ({_names(found)}), {found[0][1].tell(host)}"
        for code, found in _sorted(refused)
        for host in (found[0][0],)
    )


def for_api(refused: Refused) -> str:
    """Return what the API may tell: its reader must not learn host names,
    for the owner of the server reads it, too.

    The codes come first: Nova keeps 255 characters. The log has the rest.
    """
    found = _sorted(refused)
    counts = ", ".join(f"{code} {len(hosts)}" for code, hosts in found)
    reasons = "; ".join(hosts[0][1].reason for _, hosts in found)
    return f"Hosts refused: {counts}. {reasons}"


def _sorted(
    refused: Refused,
) -> list[tuple[str, Sequence[tuple[str, Verdict]]]]:
    """The code that refuses most hosts first; the order in which Nova gives
    the hosts does not matter."""
    return sorted(refused.items(), key=lambda each: (-len(each[1]), each[0]))


def _names(found: Iterable[tuple[str, Verdict]]) -> str:
    names = [host for host, _ in found]
    shown = ", ".join(names[:_NAMES])
    return f"{shown}, ..." if len(names) > _NAMES else shown
