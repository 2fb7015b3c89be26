"""Facts of hosts and needs of servers, for tests: healthy ones, of which a
test replaces what it is about."""

from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from nova_livemig_gpu.facts import (
    active,
    base,
    codec,
    envelope,
    guests,
    now,
)
from nova_livemig_gpu.facts.now import Now
from nova_livemig_gpu.model import (
    ActiveVgpu,
    CpuFacts,
    GpuDevice,
    GuestCpu,
    HostFacts,
    VgpuKind,
    VgpuType,
)
from nova_livemig_gpu.scheduler.needs import (
    CpuNeeds,
    ServerNeeds,
    VgpuNeeds,
)
from nova_livemig_gpu.scheduler.table import Table

SERVER = "5f5f1f0e-3ec2-4a3e-8a0a-6f0f3a1c9d11"
FEATURES = frozenset({"aes", "avx", "avx2", "avx512f", "sse4.2"})


def a_type(number: int = 1, **changes: Any) -> VgpuType:
    """nvidia-1 and so on, of ``number`` GiB, with room for four."""
    whole = VgpuType(
        f"nvidia-{number}", f"NVIDIA H100-{number}C", number * 1024, 4
    )
    return replace(whole, **changes)


def a_gpu(address: str = "0000:3b:00.0", **changes: Any) -> GpuDevice:
    """An H100 with two vGPU types."""
    whole = GpuDevice(
        address=address,
        name="NVIDIA H100 80GB HBM3",
        kind=VgpuKind.MDEV,
        board="692-2G520-0200-000",
        pci_ids="10de:2330:10de:16c1",
        memory_mib=81559,
        driver="570.158.02",
        vgpu_manager="570.158.02",
        ecc=True,
        mig=False,
        vgpu_mode="sriov",
        streaming=True,
        read_mb_s=12000,
        write_mb_s=11000,
        migratable=True,
        types=(a_type(1), a_type(2)),
    )
    return replace(whole, **changes)


def a_vgpu(server: str = SERVER, **changes: Any) -> ActiveVgpu:
    whole = ActiveVgpu(server, "0000:3b:00.0", "nvidia-1", 2**30, "570.1")
    return replace(whole, **changes)


def a_cpu(**changes: Any) -> CpuFacts:
    whole = CpuFacts(
        "Intel",
        "Cascadelake-Server",
        FEATURES,
        2_900_000_000,
        False,
        frozenset({"Haswell", "Skylake-Server"}),
        "x86_64",
        "kvm",
    )
    return replace(whole, **changes)


def a_guest(server: str = SERVER, **changes: Any) -> GuestCpu:
    """What a host-model server of :func:`a_host` has."""
    whole = GuestCpu(server, "x86_64", "kvm", "pc-q35-10.0", "Intel", FEATURES)
    return replace(whole, **changes)


def a_host(**changes: Any) -> HostFacts:
    """A host with one free H100."""
    whole = HostFacts(
        "1.0",
        34,
        cpu=a_cpu(),
        cpu_mode="host-model",
        machine_types=("pc-q35-10.0", "pc-q35-9.2", "q35"),
        qemu="10.0.2",
        libvirt="11.3.0",
        kernel="6.12.41",
        gpus=(a_gpu(),),
        active=(),
        migrations_out=0,
        migrations_in=0,
        link_mbps=25000,
        max_downtime_ms=500,
        over_budget="refuse",
    )
    return replace(whole, **changes)


def big_host(number: int = 0, types: int = 25, vgpus: int = 128) -> HostFacts:
    """16 GPUs; ``number`` makes counts and vGPUs differ."""
    chance = Random(number)
    gpus = tuple(
        a_gpu(
            f"0000:{16 + index:02x}:00.0",
            types=tuple(
                a_type(each, creatable=chance.randrange(9))
                for each in range(1, types + 1)
            ),
        )
        for index in range(16)
    )
    active = tuple(
        a_vgpu(
            str(UUID(int=chance.getrandbits(128))),
            gpu=gpus[each % 16].address,
            type_id=f"nvidia-{each % types + 1}",
            framebuffer_used_bytes=chance.randrange(80 * 2**30),
            stun_ms=chance.uniform(100, 40_000),
        )
        for each in range(vgpus)
    )
    features = frozenset(
        f"{stem}-{each:x}"
        for stem in ("avx512", "amx", "spec-ctrl", "vmx")
        for each in range(45)
    )
    machines = tuple(
        f"pc-{chip}-{major}.{minor}"
        for chip in ("i440fx", "q35")
        for major in range(3, 11)
        for minor in range(3)
    )
    return a_host(
        cpu=a_cpu(features=features),
        machine_types=machines,
        gpus=gpus,
        active=active,
        guests=tuple(
            a_guest(each.server, features=features) for each in active
        ),
    )


def needs(**changes: Any) -> ServerNeeds:
    """A server with one nvidia-1 on an H100, at home on :func:`a_host`."""
    whole = ServerNeeds(
        SERVER,
        "source",
        CpuNeeds("Intel", None, FEATURES, "pc-q35-10.0"),
        (VgpuNeeds(a_gpu(), a_type(1)),),
    )
    return replace(whole, **changes)


def gpu_needs(gpu: GpuDevice, count: int = 1) -> ServerNeeds:
    """A server with vGPUs of the first type of a GPU."""
    return needs(vgpus=(VgpuNeeds(gpu, gpu.types[0], count),))


def view(facts: HostFacts) -> Now:
    """Return what the scheduler sees of a host."""
    stats = codec.encode(facts)
    return now.decode(stats[now.KEY], base.decode(stats[base.KEY]))


def table(*facts: HostFacts) -> Table:
    """Return what the scheduler sees of hosts."""
    return Table.of(map(view, facts))


def host_state(name: str, facts: HostFacts | None = None, **stats: str) -> Any:
    """Stand for nova.scheduler.host_manager.HostState."""
    published = codec.encode(facts) if facts else {}
    return _HostState(
        host=name,
        nodename=name,
        uuid=f"uuid-{name}",
        aggregates=[],
        stats={**published, **stats},
    )


class _HostState(SimpleNamespace):
    __hash__ = object.__hash__
    __eq__ = object.__eq__


def as_version_1(facts: HostFacts) -> dict[str, str]:
    """Return the strings that version 1 wrote."""
    stats = codec.encode(facts)
    _, value = envelope.unseal(stats[base.KEY], {base.VERSION})
    *old, _max_downtime_ms, _over_budget = value
    if old[2] is not None:
        del old[2][6:]
    for row in old[8]:
        ids = row.pop()
        row[2] = row[2] or ids
    text = envelope.seal(old, "1")
    _, vgpus = envelope.unseal(stats[active.KEY], {active.VERSION})
    old_vgpus = [row[:5] for row in vgpus[1] or ()]
    return {
        base.KEY: text,
        now.KEY: now.encode(facts, text),
        active.KEY: envelope.seal([envelope.digest_of(text), old_vgpus], "1"),
    }


def as_version_2(facts: HostFacts) -> dict[str, str]:
    """Return the strings that version 2 wrote."""
    stats = codec.encode(facts)
    _, value = envelope.unseal(stats[base.KEY], {base.VERSION})
    if value[2] is not None:
        del value[2][6:]
    text = envelope.seal(value, "2")
    return {
        base.KEY: text,
        now.KEY: now.encode(facts, text),
        active.KEY: active.encode(facts, text),
    }


def as_version(number: str, facts: HostFacts) -> dict[str, str]:
    """Return strings of a version that we do not know, all in order."""
    stats = codec.encode(facts)
    _, value = envelope.unseal(stats[base.KEY], {base.VERSION})
    _, vgpus = envelope.unseal(stats[active.KEY], {active.VERSION})
    text = envelope.seal([*value, "more"], number)
    return {
        base.KEY: text,
        now.KEY: now.encode(facts, text),
        active.KEY: envelope.seal([*vgpus, "more"], number),
        guests.KEY: guests.encode(facts, text),
    }
