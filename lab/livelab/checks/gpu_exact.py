# SPDX-License-Identifier: Apache-2.0
"""What destinations do with a vGPU: NVML's verdict, and forced migrations."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from livelab.checks import gpu_hosts
from livelab.checks.gpu_filters import (
    arrived,
    explain,
    scheduler_line,
    scheduler_size,
    stayed,
)
from livelab.checks.gpu_hosts import Change, GpuCloud
from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import Trip
from livelab.checks.world import World
from livelab.cloud.ini import Sections

FIRST = "gpu-driver"
# All that the filters look at is as it must be; NVML says no.
FIRST_SAYS_NO: Change = {
    "host": {"driver": "570.158.02", "accepts_min": 580, "accepts_max": 580}
}
ANOTHER_GPU: Change = {"gpu": {"board": "h100-of-another-kind"}}
NEW_DRIVER: Change = {"host": {"driver": "570.172.08"}}
OLD_DRIVER: Change = {"host": {"driver": "550.144.02"}}
STOCK = {"DEFAULT": {"compute_driver": "libvirt.LibvirtDriver"}}


def retry(world: World, notes: Notes) -> None:
    """The first host's NVML says no: the next host is tried."""
    cloud = GpuCloud(world)
    cloud.set(gpu_driver=FIRST_SAYS_NO)
    trip = Trip(world.client, cloud.server.id)
    arrived(notes, cloud, trip)
    assert cloud.fakes is not None
    log(notes, cloud.fakes.log(FIRST), FIRST, "the drivers of the two hosts")
    # Nova ends the event of one host with the result of the next.
    refused = [each.host for each in trip.events() if each.details]
    notes.expect("only the first host refused", refused == [FIRST], refused)


def refused(world: World, notes: Notes) -> None:
    """The only host's NVML says no."""
    cloud = GpuCloud(world)
    cloud.set(other=ANOTHER_GPU)
    since = world.log_size(cloud.other)
    trip = Trip(world.client, cloud.server.id)
    stayed(notes, cloud, trip, ("it is another GPU",))
    said = world.log(cloud.other, since)
    log(notes, said, cloud.other, "it is another GPU")


def no_answer(world: World, notes: Notes) -> None:
    """The source's nova-compute hangs: no answer within 3 s."""
    cloud = GpuCloud(world)
    for choice in ("refuse", "warn"):
        more = {"livemig_gpu": {"unknown_compatibility": choice}}
        gpu_hosts.configure(world, more)
        cloud.set()
        words = "gave no answer within 3 s"
        _decided(world, notes, cloud, choice, words, hangs=True)


def no_plugin(world: World, notes: Notes) -> None:
    """The source runs stock Nova: nothing is known of the server's vGPU."""
    cloud = GpuCloud(world)
    of_host = {cloud.source: STOCK}
    unsure: Sections = {"livemig_gpu": {"unknown_facts": "refuse"}}
    gpu_hosts.configure(world, unsure, of_host)
    since = scheduler_size(world)
    trip = Trip(world.client, cloud.server.id)
    code = "vgpu.server_unknown"
    stayed(notes, cloud, trip, (code,))
    line = scheduler_line(world, since)
    notes.expect("the scheduler says why", code in line, line)
    for choice in ("refuse", "warn"):
        more = {"unknown_facts": "warn", "unknown_compatibility": choice}
        gpu_hosts.configure(world, {"livemig_gpu": more}, of_host)
        _decided(world, notes, cloud, choice, "does not tell what vGPUs")


def _decided(
    world: World,
    notes: Notes,
    cloud: GpuCloud,
    choice: str,
    words: str,
    *,
    hangs: bool = False,
) -> None:
    """unknown_compatibility does what it says, and says it.

    :param hangs: the source's nova-compute, until the destination decided
    """
    since = world.log_size(cloud.other)
    said = f"unknown_compatibility is {choice}"

    def lines() -> list[str]:
        log = world.log(cloud.other, since).splitlines()
        return [line for line in log if words in line and said in line]

    with _hanging(world, cloud.source) if hangs else nullcontext():
        trip = Trip(world.client, cloud.server.id)
        if hangs:
            world.wait(lines, "a decision", 30)
    if choice == "refuse":
        stayed(notes, cloud, trip, (words,))
    else:
        arrived(notes, cloud, trip)
    notes.expect(f"{choice}: the log says so", bool(lines()), lines()[:1])


@contextmanager
def _hanging(world: World, host: str) -> Iterator[None]:
    """The nova-compute of a host does not run, but is not gone either."""
    process = world.compute(host).daemon.running()
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def forced(world: World, notes: Notes) -> None:
    """The API's user forces the server to a host that does not fit, by
    options that are stricter than NVML there as well."""
    cloud = GpuCloud(world)
    gpu_hosts.configure(world, gpu_hosts.STRICT)
    cloud.set(other=OLD_DRIVER)
    (row,) = (
        row
        for row in explain(world, cloud.server.id)
        if row["host"] == cloud.other and row["code"].startswith("vgpu.")
    )
    since = scheduler_size(world)
    trip = Trip(world.client, cloud.server.id, cloud.other, force=True)
    stayed(notes, cloud, trip, (row["reason"], row["code"]))
    line = scheduler_line(world, since)
    notes.expect("no filter was asked", line == "no line", line)
    trip = Trip(world.client, cloud.server.id, cloud.other)
    stayed(notes, cloud, trip, (row["code"],))


def upgraded(world: World, notes: Notes) -> None:
    """A rolling upgrade of the driver: NVML takes it, and so do we."""
    gpu_hosts.configure(world, strict=False)
    cloud = GpuCloud(world)
    cloud.set(other=NEW_DRIVER)
    (row,) = (
        row
        for row in explain(world, cloud.server.id)
        if row["host"] == cloud.other and row["code"].startswith("vgpu.")
    )
    notes.expect("nothing against it", row["code"] == "vgpu.ok", row)
    arrived(notes, cloud, Trip(world.client, cloud.server.id, cloud.other))


def log(notes: Notes, said: str, host: str, sentence: str) -> None:
    """A compute's log has the sentence for NVML's limit."""
    lines = [line for line in said.splitlines() if sentence in line]
    notes.expect(f"the log of {host} has the reason", bool(lines), lines[:1])


TRIALS = tuple(
    Trial(name, does, run, stock=False, prepare=gpu_hosts.prepare)
    for name, does, run in (
        ("gpu-nvml-retry", "NVML on the first host says no", retry),
        ("gpu-nvml-refused", "NVML on the only host says no", refused),
        ("gpu-no-answer", "the source does not answer", no_answer),
        ("gpu-no-plugin", "the source runs without the plugin", no_plugin),
        ("gpu-forced", "forced to a host that does not fit", forced),
        ("gpu-upgraded", "to a host with a newer driver", upgraded),
    )
)
