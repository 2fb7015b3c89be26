# SPDX-License-Identifier: Apache-2.0
"""The hosts, their daemons, and a live migration between them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import livelab
import pytest
from livelab import cpio, guest, namespaces, paths, process
from livelab.daemons import Daemon, tcp_ready
from livelab.errors import LabError
from livelab.hosts import COMPUTE1, COMPUTE2, CONTROLLER, Network
from livelab.libvirtd import Libvirtd
from livelab.plainguest import PlainGuest, Running
from livelab.process import Process
from livelab.summary import Run, summarize


def test_recycled_pid_is_another_process(tmp_path: Path) -> None:
    me = process.look(os.getpid())
    assert me is not None
    me.write(tmp_path / "pid")
    assert process.read(tmp_path / "pid") == me
    Process(me.pid, me.start - 1).write(tmp_path / "pid")
    assert process.read(tmp_path / "pid") is None


@pytest.mark.parametrize("text", ["", "x", "1", "1 2", "a b c"])
def test_malformed_pid_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    assert process.read(tmp_path / "pid") is None


def test_names_of_two_labs_differ_and_fit(tmp_path: Path) -> None:
    default = Network(state=Path(paths.DEFAULT))
    other = Network(state=tmp_path)
    for network in (default, other):
        links = [network.bridge, *(h.link for h in network.hosts.values())]
        assert all(len(link) <= 15 for link in links)
    assert default["compute1"].netns != other["compute1"].netns
    assert default.bridge != other.bridge


def test_archive_is_the_same_every_time() -> None:
    entries = [cpio.directory("bin"), cpio.program("init", b"abc")]
    packed = cpio.archive(entries)
    assert packed == cpio.archive(entries)
    assert packed.startswith(b"070701")
    assert len(packed) % 4 == 0


@pytest.mark.lab
def test_load_finds_every_damage(tmp_path: Path) -> None:
    guest.build_writeload(tmp_path / "writeload")
    done = subprocess.run(
        [tmp_path / "writeload", "--selftest"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "SELFTEST ok"
    assert "BAD page=300 off=1232 " in done.stdout
    assert "SWEEP 2 BAD count=1 pages=1024 " in done.stdout


@pytest.mark.lab
def test_up_again_changes_nothing(network: Network) -> None:
    before = namespaces.members(network["compute1"].netns)
    network.up()
    assert namespaces.members(network["compute1"].netns) == before


@pytest.mark.lab
@pytest.mark.parametrize("spec", [CONTROLLER, COMPUTE1, COMPUTE2])
def test_host_has_its_own_name_and_files(network: Network, spec) -> None:
    host = network[spec.name]
    assert host.run(["hostname"]).stdout == f"{spec.name}\n"
    names = host.run(["cat", "/etc/hosts"]).stdout
    assert f"{COMPUTE2.ip} {COMPUTE2.name}\n" in names
    host.run(["touch", "/var/lib/nova/mine"])
    assert (host.dir / "nova" / "mine").exists()


@pytest.mark.lab
def test_only_hypervisors_share_instances(network: Network) -> None:
    place = "/var/lib/nova/instances/shared"
    network["compute1"].run(["touch", place])
    network["compute2"].run(["test", "-e", place])
    network["controller"].run(["test", "!", "-e", place])


@pytest.mark.lab
def test_failure_names_host_command_and_words(network: Network) -> None:
    with pytest.raises(LabError, match=r"(?s)compute1: .*code 7.*sorry"):
        network["compute1"].run(["sh", "-c", "echo sorry >&2; exit 7"])
    with pytest.raises(LabError, match=r"not done in 0\.2 s"):
        network["compute1"].run(["sleep", "9"], timeout=0.2)


@pytest.mark.lab
def test_link_is_shaped(network: Network) -> None:
    host = network["compute2"]
    host.shape(300)
    host.shape(200)
    shown = host.run(["tc", "qdisc", "show", "dev", "eth0"]).stdout
    assert "tbf" in shown and "rate 200Mbit" in shown
    host.shape(None)
    host.shape(None)
    shown = host.run(["tc", "qdisc", "show", "dev", "eth0"]).stdout
    assert "tbf" not in shown


@pytest.mark.lab
def test_daemon(network: Network) -> None:
    host = network["controller"]
    server = [sys.executable, "-m", "http.server", "--bind", host.ip, "8099"]
    daemon = Daemon(
        host,
        "server",
        server,
        ready=lambda: tcp_ready(network["compute1"], host.ip, 8099),
    )
    daemon.start()
    daemon.wait_ready(20)
    first = daemon.running()
    daemon.start()
    assert daemon.running() == first
    again = Daemon(host, "server", server)
    again.stop()
    assert daemon.running() is None
    assert not tcp_ready(network["compute1"], host.ip, 8099)


@pytest.mark.lab
def test_daemon_that_exits_is_reported(network: Network) -> None:
    argv = ["sh", "-c", "echo no disk; sleep 0.3; exit 3"]
    daemon = Daemon(network["controller"], "bad", argv, ready=lambda: False)
    daemon.start()
    with pytest.raises(LabError, match=r"(?s)bad .* exited with 3.*no disk"):
        daemon.wait_ready(10)
    daemon.stop()


@pytest.fixture
def own_network(tmp_path: Path) -> Iterator[Network]:
    """A lab for one test, that may be broken."""
    network = Network(state=tmp_path)
    network.up()
    yield network
    network.down()


def _wait_until_inside(netns: str, pid: int) -> None:
    """On a busy machine a process takes a while to enter its host."""
    limit = time.monotonic() + 20
    while pid not in [each.pid for each in namespaces.members(netns)]:
        assert time.monotonic() < limit
        time.sleep(0.05)


@pytest.mark.lab
def test_down_after_a_crash(own_network: Network, tmp_path: Path) -> None:
    """The holder died, its file is gone, a process lives on."""
    host = own_network["compute1"]
    stray = host.popen(["sleep", "600"], log=tmp_path / "stray.log")
    _wait_until_inside(host.netns, stray.pid)
    for member in namespaces.members(host.netns):
        if member.pid != stray.pid:
            member.signal(signal.SIGKILL)
    (tmp_path / "run" / "host-compute1.pid").unlink()
    assert any(f"process {stray.pid} " in x for x in own_network.leftovers())
    own_network.down()
    assert own_network.leftovers() == []
    assert stray.wait(5) is not None


@pytest.mark.lab
def test_up_after_a_crash(own_network: Network) -> None:
    """A namespace without its holder, as a killed `up` leaves it."""
    host = own_network["compute1"]
    for member in namespaces.members(host.netns):
        member.signal(signal.SIGKILL)
    own_network.up()
    assert host.run(["hostname"]).stdout == "compute1\n"


def migrate(source: Libvirtd, target: Libvirtd, name: str) -> Run:
    """Pre-copy by virsh, recorded from outside."""
    out = source.host.state / "watch.jsonl"
    watcher = subprocess.Popen(
        [
            *[sys.executable, "-m", "livelab.watch", "--domain", name],
            *["--out", str(out), "--seconds", "60"],
            *[source.socket_uri, target.socket_uri],
        ],
        env={**os.environ, "PYTHONPATH": str(Path(*livelab.__path__).parent)},
    )
    virsh = ["virsh", "-c", source.uri]
    source.host.run([*virsh, "migrate-setmaxdowntime", name, "300"])
    source.host.run(
        [*virsh, "migrate", "--live", "--p2p", name, target.uri], timeout=60
    )
    assert watcher.wait(30) == 0
    return summarize(out.read_text().splitlines())


@pytest.mark.lab
def test_migration_keeps_every_byte(
    network: Network, libvirtds: tuple[Libvirtd, Libvirtd]
) -> None:
    source, target = libvirtds
    load = {"ws": 48, "fill": 16, "rate": 20, "sweep": 64}
    plain = PlainGuest("lab1", load, memory_mib=256, state=network.state)
    for libvirtd in libvirtds:
        libvirtd.host.shape(400)
    with Running(plain, source, target):
        plain.wait_for("^READY")
        plain.wait_sweep()
        run = migrate(source, target, "lab1")
        plain.wait_sweep()
    for libvirtd in libvirtds:
        libvirtd.host.shape(None)
    assert run.postcopy is False
    assert run.passes is not None and run.passes >= 2
    assert run.bytes is not None and run.bytes > 64 * 1024 * 1024
    assert run.downtime_ms is not None and run.downtime_ms > 0
    # 400 Mbit/s are 50 MB/s: the limit on the link has held.
    assert run.total_ms is not None
    assert run.bytes / run.total_ms < 51_000
    assert any(point.remaining_bytes for point in run.series)
