"""Our filters and weigher beside Nova's filters, on the same 10,000 hosts.

    python -m bench.scheduler_filters [HOSTS]

Real nova.scheduler.host_manager.HostState objects, made from ComputeNode
objects, 16 GPUs and 128 vGPUs each, 25 vGPU types on each GPU; over the link
of one in ten the server's predicted stun is too long. For each request they
and the strings in them are made anew, as Nova does from its database. Time is
CPU time, so that a busy machine counts less, of filter_all (weigh_objects and
weight_multiplier). Prints a table; exit status 1 where ours take longer than
the target or a cached host more memory.
"""

import gc
import logging
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nova.conf
from nova import objects
from nova.scheduler import host_manager, weights
from nova.scheduler.filters import (
    aggregate_instance_extra_specs,
    compute_capabilities_filter,
    pci_passthrough_filter,
)

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.facts import codec
from nova_livemig_gpu.scheduler import request as requests
from nova_livemig_gpu.scheduler import server
from nova_livemig_gpu.scheduler.cost_weigher import MigrationCostWeigher
from nova_livemig_gpu.scheduler.cpu_filter import CPUCompatibilityFilter
from nova_livemig_gpu.scheduler.needs import StunNeeds
from nova_livemig_gpu.scheduler.vgpu_filter import VGPUCompatibilityFilter
from nova_livemig_gpu.scheduler.views import Views
from tests import builders_facts as builders

TARGET_MS = 25.0
TARGET_BYTES = 4096
ROUNDS = 15
GENERATIONS = 20
_CELL = "7e1c1b6f-0000-4000-8000-000000000000"


def facts_of(number: int) -> Any:
    """Return a host's facts: one of 20 kinds of hardware, own counts."""
    facts = builders.big_host(number)
    return replace(
        facts,
        kernel=f"6.12.{number % GENERATIONS}",
        migrations_out=number % 3,
        link_mbps=100_000 if number % 10 else 10_000,
    )


def node_of(number: int) -> Any:
    """Return a ComputeNode as the database has it."""
    stats = codec.encode(facts_of(number))
    return objects.ComputeNode(
        uuid=f"{number:08x}-0000-4000-8000-000000000000",
        hypervisor_hostname=f"compute-{number:05d}",
        pci_device_pools=_pools(),
        stats={**stats, "uptime": "up 3 days"},
        **_NODE,
    )


def host_of(node: Any, aggregates: list[Any]) -> Any:
    """Return a HostState as the scheduler makes it for a request."""
    name = node.hypervisor_hostname
    node.stats = fresh(node.stats)
    state = host_manager.HostState(name, name, _CELL)
    state.update(compute=node, aggregates=[*aggregates], inst_dict={})
    state.allocation_candidates = [{"mappings": {}}]
    return state


#: What nova.scheduler.host_manager reads of a node and we do not.
_NODE = {
    "memory_mb": 2_000_000,
    "free_ram_mb": 2_000_000,
    "free_disk_gb": 10_000,
    "disk_available_least": None,
    "local_gb": 10_000,
    "local_gb_used": 0,
    "vcpus": 256,
    "vcpus_used": 0,
    "updated_at": None,
    "numa_topology": None,
    "host_ip": None,
    "hypervisor_type": "QEMU",
    "hypervisor_version": 10_000_000,
    "cpu_info": "{}",
    "supported_hv_specs": [],
    "metrics": "[]",
    "cpu_allocation_ratio": 4.0,
    "ram_allocation_ratio": 1.0,
    "disk_allocation_ratio": 1.0,
}


def _pools() -> Any:
    pool = objects.PciDevicePool(
        product_id="2330",
        vendor_id="10de",
        numa_node=None,
        tags={"dev_type": "type-VF", "physical_network": ""},
        count=16,
    )
    return objects.PciDevicePoolList(objects=[pool])


def aggregate() -> Any:
    """Return an aggregate that all hosts are in."""
    return objects.Aggregate(
        id=1, name="gpu", hosts=[], metadata={"gpu": "h100"}
    )


def spec_of() -> Any:
    """Return what the scheduler is asked for a live migration."""
    flavor = objects.Flavor(
        extra_specs={
            "capabilities:hypervisor_type": "QEMU",
            "aggregate_instance_extra_specs:gpu": "h100",
            "resources:VGPU": "1",
        }
    )
    wanted = objects.InstancePCIRequest(
        count=1, spec=[{"vendor_id": "10de", "product_id": "2330"}]
    )
    return objects.RequestSpec(
        instance_uuid=builders.SERVER,
        ignore_hosts=["source"],
        flavor=flavor,
        scheduler_hints={},
        pci_requests=objects.InstancePCIRequests(requests=[wanted]),
    )


def stand_in() -> None:
    """Stand for the one look-up in the database."""
    source = builders.big_host(0)
    gpu = source.gpus[0]
    requests._look_up = lambda _spec: requests.Request(
        requests.Kind.LIVE_MIGRATION,
        Rules(),
        builders.needs(
            cpu=server.CpuNeeds("Intel", None, source.cpu.features),
            vgpus=(builders.VgpuNeeds(gpu, gpu.types[0]),),
            stun=StunNeeds(724.0, 1000, 25_000),
            memory_mib=65_536,
        ),
    )


def fresh(stats: dict[str, str]) -> dict[str, str]:
    """Return new strings of the same value."""
    return {key: (value + " ")[:-1] for key, value in stats.items()}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return milliseconds and the result."""
    start = time.thread_time()
    result = work()
    return (time.thread_time() - start) * 1000, result


def weigh(weigher: Any, weighed: list[Any], spec: Any) -> None:
    """Ask a weigher what nova.weights.BaseWeightHandler asks it."""
    weigher.weigh_objects(weighed, spec)
    for each in weighed:
        weigher.weight_multiplier(each.obj)


def one_request(nodes: list[Any]) -> dict[str, float]:
    """Return the milliseconds of each filter and the weigher."""
    shared = [aggregate()]
    hosts = [host_of(node, shared) for node in nodes]
    spec = spec_of()
    took: dict[str, float] = {}
    for each in (
        CPUCompatibilityFilter(),
        VGPUCompatibilityFilter(),
        compute_capabilities_filter.ComputeCapabilitiesFilter(),
        aggregate_instance_extra_specs.AggregateInstanceExtraSpecsFilter(),
        pci_passthrough_filter.PciPassthroughFilter(),
    ):
        name = type(each).__name__
        ms, passed = timed(lambda f=each: list(f.filter_all(hosts, spec)))
        took[name] = ms
        assert passed, f"{name} leaves no host"
        took[f"{name} passes"] = len(passed)
    weigher = MigrationCostWeigher()
    weighed = [weights.WeighedHost(host, 0.0) for host in hosts]
    took["MigrationCostWeigher"], _ = timed(
        lambda: weigh(weigher, weighed, spec)
    )
    return took


OURS = (
    "CPUCompatibilityFilter",
    "VGPUCompatibilityFilter",
    "MigrationCostWeigher",
)
NOVAS = (
    "ComputeCapabilitiesFilter",
    "AggregateInstanceExtraSpecsFilter",
    "PciPassthroughFilter",
)


def memory_per_host(nodes: list[Any]) -> float:
    """Return bytes that our cache keeps for each host, its strings too."""
    requests.VIEWS = Views()
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    requests.VIEWS.look([_Strings(node) for node in nodes])
    # The request is over: only what the cache holds of it stays.
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / len(nodes)


class _Strings:
    """A host with strings of its own."""

    def __init__(self, node: Any) -> None:
        self.uuid = node.uuid
        self.stats = fresh(node.stats)


def main() -> int:
    """Run and print; see the module."""
    logging.disable(logging.DEBUG)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    objects.register_all()
    nova.conf.CONF([], project="nova", default_config_files=[])
    stand_in()
    nodes = [node_of(number) for number in range(count)]
    first = one_request(nodes)
    rounds = [one_request(nodes) for _ in range(ROUNDS)]
    print(f"{count} hosts, 16 GPUs each; ms a request, {ROUNDS} requests")
    print(f"{'':36}{'first':>9}{'median':>9}{'best':>9}{'worst':>9}  passes")
    for name in (*OURS, *NOVAS):
        row(name, [first], rounds, (name,))
    row("our two filters and weigher", [first], rounds, OURS)
    row("Nova's three filters", [first], rounds, NOVAS)
    return verdict(rounds, memory_per_host(nodes))


def row(
    label: str,
    first: list[dict[str, float]],
    rounds: list[dict[str, float]],
    names: tuple[str, ...],
) -> None:
    """Print one line of the table."""
    sums = sorted(sum(each[name] for name in names) for each in rounds)
    start = sum(first[0][name] for name in names)
    passes = first[0].get(f"{names[0]} passes", "")
    print(
        f"{label:36}{start:9.1f}{statistics.median(sums):9.1f}{sums[0]:9.1f}"
        f"{sums[-1]:9.1f}  {passes if len(names) == 1 else ''}"
    )


def verdict(rounds: list[dict[str, float]], kept: float) -> int:
    """Print what was asked for, and whether it holds."""
    ours = statistics.median(sum(r[n] for n in OURS) for r in rounds)
    novas = statistics.median(sum(r[n] for n in NOVAS) for r in rounds)
    print(f"ratio ours / Nova's: {ours / novas:.3f}")
    print(f"memory kept for each host: {kept:.0f} bytes")
    good = ours <= TARGET_MS and kept <= TARGET_BYTES
    print(
        f"target {TARGET_MS:.0f} ms, {TARGET_BYTES} bytes: "
        + ("kept" if good else "MISSED")
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
