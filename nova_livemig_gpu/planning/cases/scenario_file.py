"""A scenario: guests, a link, and what must come of their migrations.

    {"link_mbps": [[0, 1000], [60, 100]],  from a moment on, s and Mbit/s; or
                                           one number
     "overhead_ms": 100,                   of a pause, beside copying
     "jitter": 0.01,                       of the rate of a pass, as a share
     "seeds": [1, 2],                      each is run
     "share_link": false,                  they leave one host together
     "servers": [{
       "starts_s": 0, "memory_mib": 8192, "nonzero_mib": 6144,
       "writes": [{"kind": "sweep",        or random, zipf
                   "mib_s": 50, "set_mib": 200, "from_s": 0, "to_s": null}],
       "dirty_curve": "unknown",           or known, before the start
       "settings": {"max_downtime_ms": 500},
       "device": {"precopy_mib": 8192, "stop_mib": 32},
       "disk": {"mib": 1000, "seconds": 20}}],
     "bounds": [{"state": "completed", "total_s_most": 150}]}

Each of several writes has memory of its own. Memory, servers and link must be
there, all else need not; bounds are as many as servers. Other texts at the
top (``source``, ``right``) are for readers.
"""

from collections.abc import Callable

from nova_livemig_gpu.model import Budget
from nova_livemig_gpu.planning.cases.case import (
    Bounds,
    Case,
    Server,
    read_bounds,
    read_budget,
)
from nova_livemig_gpu.planning.cases.fields import Fields
from nova_livemig_gpu.planning.guestwrites import (
    Idle,
    Random,
    Several,
    Sweep,
    Windowed,
    Writer,
    Zipf,
)
from nova_livemig_gpu.planning.host import Guest

_MIB = 2**20
_MOST_MIB = 2.0**40
_MOST_MBPS = 1e9
_MOST_S = 1e9
_MOST_SERVERS, _MOST_SEEDS = 100, 1000
_KINDS: dict[str, Callable[[float, float], Writer]] = {
    "sweep": Sweep,
    "random": Random,
    "zipf": Zipf,
}
_NAMES = (
    "link_mbps",
    "overhead_ms",
    "jitter",
    "seeds",
    "share_link",
    "servers",
    "bounds",
)


def parse(fields: Fields) -> Case:
    """Return the case of a scenario.

    :raises InvalidCase: naming file and field
    """
    fields.only_and_notes(*_NAMES)
    bounds = [read_bounds(each) for each in fields.objects("bounds")]
    servers = [_server(each) for each in fields.objects("servers")]
    if not 0 < len(servers) <= _MOST_SERVERS:
        fields.fail(
            "servers",
            f"{len(servers)} of them are not from 1 to {_MOST_SERVERS}",
        )
    if bounds and len(bounds) != len(servers):
        fields.fail(
            "bounds",
            f"{len(bounds)} of them are not one for each of "
            f"{len(servers)} servers",
        )
    bounds = bounds or [Bounds()] * len(servers)
    return Case(
        fields.file,
        tuple(
            Server(*each, one)
            for each, one in zip(servers, bounds, strict=True)
        ),
        _link(fields),
        fields.number("overhead_ms", 0, 1e6, 100.0),
        fields.number("jitter", 0, 1, 0.0),
        _seeds(fields),
        fields.flag("share_link", False),
    )


def _link(fields: Fields) -> tuple[tuple[float, float], ...]:
    if isinstance(fields.body.get("link_mbps"), list):
        steps = fields.pairs("link_mbps", 0, _MOST_MBPS)
    else:
        steps = ((0.0, fields.number("link_mbps", 0, _MOST_MBPS, None)),)
    if not steps[0][1]:
        fields.fail("link_mbps", "it begins with 0, so that nothing starts")
    return steps


def _seeds(fields: Fields) -> tuple[int, ...]:
    seeds = []
    for n, each in enumerate(fields.values("seeds")):
        value = fields.as_number(f"seeds[{n}]", each, -(2**53), 2**53)
        if not value.is_integer():
            fields.fail(f"seeds[{n}]", f"{value:g} is not a whole number")
        seeds.append(int(value))
    if len(seeds) > _MOST_SEEDS:
        fields.fail("seeds", f"there are more than {_MOST_SEEDS}")
    if fields.has("seeds") and not seeds:
        fields.fail("seeds", "at least one is due")
    return tuple(seeds) or (0,)


def _server(fields: Fields) -> tuple[Guest, Budget, float, bool]:
    fields.only(
        "starts_s",
        "memory_mib",
        "nonzero_mib",
        "writes",
        "dirty_curve",
        "settings",
        "device",
        "disk",
    )
    memory = fields.number("memory_mib", 1, _MOST_MIB, None)
    budget, _ = read_budget(fields.object("settings"), memory)
    measured = fields.choice("dirty_curve", "unknown", "known", "unknown")
    return (
        _guest(fields, memory),
        budget,
        fields.number("starts_s", 0, _MOST_S, 0.0),
        measured == "known",
    )


def _guest(fields: Fields, memory: float) -> Guest:
    device, disk = fields.object("device"), fields.object("disk")
    device.only("precopy_mib", "stop_mib")
    disk.only("mib", "seconds")
    disk_mib = disk.number("mib", 0, _MOST_MIB, 0.0)
    return Guest(
        int(memory * _MIB),
        int(fields.number("nonzero_mib", 0, memory, memory) * _MIB),
        _writer(fields, memory),
        age_s=0.0,
        device_bytes=int(
            device.number("precopy_mib", 0, _MOST_MIB, 0.0) * _MIB
        ),
        device_stop_bytes=int(
            device.number("stop_mib", 0, _MOST_MIB, 0.0) * _MIB
        ),
        disk_bytes=int(disk_mib * _MIB),
        disk_s=disk.number("seconds", 0, _MOST_S, None if disk_mib else 0.0),
    )


def _writer(fields: Fields, memory: float) -> Writer:
    parts = [_part(each, memory) for each in fields.objects("writes")]
    for each in parts:
        at_once = Several(parts).steady(each.from_s)
        reach = at_once.reach_bytes(each.from_s) / _MIB
        if reach > memory:
            fields.fail(
                "writes",
                f"at {each.from_s:g} s they reach {reach:g} MiB together, "
                f"memory_mib is {memory:g}",
            )
    return Several(tuple(parts)) if parts else Idle()


def _part(fields: Fields, memory: float) -> Windowed:
    fields.only("kind", "mib_s", "set_mib", "from_s", "to_s")
    kind = fields.choice("kind", None, *_KINDS)
    rate = fields.number("mib_s", 0, 1e9, None)
    size = fields.number("set_mib", 1 / 256, memory, None)
    from_s = fields.number("from_s", 0, _MOST_S, 0.0)
    to_s = None
    if fields.has("to_s"):
        to_s = fields.number("to_s", 0, _MOST_S, None)
        if to_s <= from_s:
            fields.fail("to_s", f"{to_s:g} is not above from_s, {from_s:g}")
    return Windowed(_KINDS[kind](rate * _MIB, size * _MIB), from_s, to_s)
