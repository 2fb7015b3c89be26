"""HostFacts <-> the ``stats`` of a compute node.

Nova keeps ``stats`` as flat strings in one text column of 64 KiB; a nested
value breaks its resource update (nova/compute/resource_tracker.py,
nova/objects/compute_node.py). So the facts are four strings, by how often
they change: :mod:`.base`, :mod:`.now`, :mod:`.active` and :mod:`.guests`,
where their form is described. Unchanged facts give unchanged strings, which
cost no write.

A version that is not known, a string that was cut, and anything that is not
exactly what we write is unknown as a whole: None, never half of it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu.facts import active, base, guests, now
from nova_livemig_gpu.facts.envelope import Malformed
from nova_livemig_gpu.model import GpuDevice, HostFacts

LOG = logging.getLogger(__name__)

KEY = base.KEY
KEYS = (base.KEY, now.KEY, active.KEY, guests.KEY)

#: All strings of a host together. The column has 64 KiB, and is not ours.
MOST_BYTES = 32_768


def encode(facts: HostFacts) -> dict[str, str]:
    """Return what to merge into ``stats``; always all of ``KEYS``."""
    no_guests = replace(facts, guests=None)
    stats, without = _encode(facts), None
    for fewer, what in (
        (no_guests, "the servers' CPUs"),
        (replace(no_guests, active=None), "the servers' CPUs and vGPUs"),
        (_bare(facts), "GPUs and the servers' CPUs and vGPUs"),
    ):
        if sum(map(len, stats.values())) <= MOST_BYTES:
            break
        stats, without = _encode(fewer), what
    if without is not None:
        LOG.warning(
            "The facts of this host are too long and are published in part: "
            "without %s",
            without,
        )
    return stats


def _bare(facts: HostFacts) -> HostFacts:
    return HostFacts(facts.version, facts.nova_release)


def _encode(facts: HostFacts) -> dict[str, str]:
    text = base.encode(facts)
    return {
        base.KEY: text,
        now.KEY: now.encode(facts, text),
        active.KEY: active.encode(facts, text),
        guests.KEY: guests.encode(facts, text),
    }


def decode(stats: Any) -> HostFacts | None:
    """Return the facts found in ``stats``; None where there are none."""
    if not isinstance(stats, Mapping):
        return None
    try:
        found = base.decode(stats.get(base.KEY))
        changing = now.decode(stats.get(now.KEY), found)
        used = active.decode(stats.get(active.KEY), found)
        servers = guests.decode(stats.get(guests.KEY), found)
    except Malformed:
        return None
    return replace(
        found.facts,
        gpus=_gpus(found, changing),
        active=used,
        guests=servers,
        migrations_out=changing.load.running_out,
        migrations_in=changing.load.running_in,
        link_mbps=changing.load.link_mbps,
    )


def _gpus(found: base.Base, changing: now.Now) -> tuple[GpuDevice, ...] | None:
    if found.addresses is None:
        return None
    rows = zip(
        found.addresses, found.model_of, now.counts(changing), strict=True
    )
    return tuple(
        _gpu(found.models[index], address, counts)
        for address, index, counts in rows
    )


def _gpu(
    model: GpuDevice, address: str, counts: tuple[now.Count, ...]
) -> GpuDevice:
    types = tuple(
        replace(each, creatable=count.creatable, or_more=count.or_more)
        for each, count in zip(model.types, counts, strict=True)
    )
    return replace(model, address=address, types=types)
