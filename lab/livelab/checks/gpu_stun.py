# SPDX-License-Identifier: Apache-2.0
"""A server that its vGPU would stop for longer than its flavor allows."""

from collections.abc import Mapping

from livelab.checks import gpu_hosts
from livelab.checks.gpu_filters import (
    arrived,
    explain,
    named,
    scheduler_line,
    scheduler_size,
    stayed,
)
from livelab.checks.gpu_hosts import VGPU, GpuCloud
from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip
from livelab.checks.world import World
from livelab.cloud.ini import Sections

#: Mbit/s: what the source has, and the only host that the vGPU fits.
FAST, SLOW = 10_000, 1_000
LONGER = FAST / SLOW
CODE = "vgpu.stun"


def over_budget(world: World, notes: Notes) -> None:
    """The only host that fits has a link ten times slower: not with twice
    the predicted stun in the flavor, but with twenty times."""
    cloud = GpuCloud(world)
    links = {cloud.source: FAST, cloud.other: SLOW}
    gpu_hosts.configure(
        world, None, {host: _link(mbps) for host, mbps in links.items()}
    )
    cloud.set()
    world.wait(lambda: _told(cloud, links), "link and stun in the facts", 60)
    stun_ms = _stun_ms(cloud) or 0.0
    notes.show("stun predicted by the source", f"{stun_ms:.0f} ms")
    _refused(world, notes, cloud, stun_ms)
    _budget(world, int(stun_ms * 2 * LONGER))
    arrived(notes, cloud, Trip(world.client, cloud.server.id))


def _refused(
    world: World, notes: Notes, cloud: GpuCloud, stun_ms: float
) -> None:
    budget = int(stun_ms * 2)
    _budget(world, budget)
    since = scheduler_size(world)
    trip = Trip(world.client, cloud.server.id)
    stayed(notes, cloud, trip, (f"{CODE} 1",))
    line = scheduler_line(world, since)
    sentence = (
        f"{cloud.other}: its vGPUs are expected to stop the server for "
        f"{stun_ms * LONGER:.0f} ms over {SLOW} Mbit/s, its max_downtime_ms "
        f"is {budget}"
    )
    notes.expect(
        "the scheduler tells code and sentence",
        named(line) and CODE in line and sentence in line,
        line,
    )
    codes = {
        row["code"]
        for row in explain(world, cloud.server.id)
        if row["host"] == cloud.other and row["verdict"] == "refuse"
    }
    notes.expect("explain() says so", codes == {CODE}, codes)


def _budget(world: World, max_downtime_ms: int) -> None:
    specs: Mapping[str, str] = {
        f"resources:{VGPU}": "1",
        "livemig_gpu:max_downtime_ms": str(max_downtime_ms),
        "livemig_gpu:over_budget": "refuse",
    }
    world.flavor("gpu256", specs)


def _link(mbps: int) -> Sections:
    return {"livemig_gpu": {"link_mbps": mbps}}


def _told(cloud: GpuCloud, links: Mapping[str, int]) -> bool:
    for host, mbps in links.items():
        facts = cloud.facts(host)
        if facts is None or facts.link_mbps != mbps:
            return False
    return _stun_ms(cloud) is not None


def _stun_ms(cloud: GpuCloud) -> float | None:
    facts = cloud.facts(cloud.source)
    for vgpu in (facts.active if facts else None) or ():
        if vgpu.server == cloud.server.id:
            return vgpu.stun_ms
    return None


TRIALS = (
    Trial(
        "gpu-stun",
        "a vGPU's stun is over the flavor's budget on one host",
        over_budget,
        stock=False,
        prepare=gpu_hosts.prepare,
    ),
)
