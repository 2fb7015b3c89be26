# SPDX-License-Identifier: Apache-2.0
"""One VFIO host: a virtual machine with libvirtd and mediated devices."""

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

import libvirt

from livelab import paths
from livelab.cloud import inside
from livelab.daemons import Daemon
from livelab.errors import LabError
from livelab.hosts import Host
from livelab.vfio import agent, tap

MEMORY_MIB = 1024
BOOT_S = 180
# no_timer_check: a machine that waits for a processor while it counts the
# timer's interrupts would take them for lost, and panic.
CONSOLE = (
    "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr "
    "audit=0 selinux=0 apparmor=0 random.trust_cpu=1 cryptomgr.notests "
    "no_timer_check"
)


@dataclass(frozen=True)
class MachineSpec:
    """What a machine is called and where it is in the lab's network."""

    name: str
    ip: str


MACHINE1 = MachineSpec("hv1", "10.78.0.11")
MACHINE2 = MachineSpec("hv2", "10.78.0.12")


@dataclass(frozen=True)
class Boot:
    """What a machine is started with; instances is a directory to share,
    cpu is QEMU's name of the processor."""

    kernel: Path
    initrd: Path
    disk: Path
    device: str
    memory_mib: int = MEMORY_MIB
    instances: Path | None = None
    cpu: str = "max"


class Machine:
    """A virtual machine of the lab; its QEMU lives in the host ``via``."""

    def __init__(self, spec: MachineSpec, via: Host) -> None:
        self.spec = spec
        self.via = via
        tag = paths.tag(via.state)
        self.link = f"lm{tag}-{spec.ip.rpartition('.')[2]}"
        self.daemon = Daemon(via, spec.name, [], ready=self._is_ready)

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def ip(self) -> str:
        return self.spec.ip

    @property
    def uri(self) -> str:
        """libvirt's connection, for whoever is inside the lab."""
        return f"qemu+tcp://{self.spec.ip}/system"

    @property
    def console(self) -> Path:
        """What the machine itself writes."""
        return paths.log_dir(self.via.state) / f"console-{self.name}.log"

    def start(self, boot: Boot) -> None:
        """Start it, unless it runs; does not wait. Raises LabError."""
        if self.daemon.running():
            return
        self.console.write_text("")
        descriptor = tap.open_on(self.via.bridge, self.link)
        try:
            self.daemon.argv = self._argv(boot, descriptor)
            self.daemon.start(pass_fds=[descriptor])
        finally:
            os.close(descriptor)

    def wait_ready(self) -> None:
        """Wait until libvirtd answers there; raises LabError."""
        try:
            self.daemon.wait_ready(BOOT_S)
        except LabError as error:
            said = self.console.read_text(errors="replace").splitlines()
            tail = "".join(f"\n  {line}" for line in said[-15:])
            raise LabError(f"{error}\nits console:{tail}") from error

    def stop(self) -> None:
        """Switch it off: nothing in it is worth keeping."""
        self.daemon.stop(timeout=5)

    def ask(
        self, script: str, *, input: bytes = b"", timeout: float = 60
    ) -> agent.Answer:
        """Run a bash script in it as root; raises LabError: no answer."""
        return agent.ask(
            self.via, self.ip, script, input=input, timeout=timeout
        )

    def run(
        self, script: str, *, input: bytes = b"", timeout: float = 60
    ) -> str:
        """What a bash script writes in it; raises LabError if it fails."""
        answer = self.ask(script, input=input, timeout=timeout)
        if answer.code:
            tail = "".join(f"\n  {x}" for x in answer.text.splitlines()[-10:])
            raise LabError(
                f"{self.name}: {script[:60]!r}: exit code {answer.code}{tail}"
            )
        return answer.text

    def connect(self) -> libvirt.virConnect:
        """A connection to its libvirtd from this process."""
        return inside.call(self.via, lambda: libvirt.open(self.uri))

    def shape(self, rate_mbit: int | None) -> None:
        """Limit what it sends; None takes the limit away. Raises LabError."""
        self.run(f"lab-shape {rate_mbit or 'none'}")

    def _is_ready(self) -> bool:
        return ": READY" in self.console.read_text(errors="replace")

    def _argv(self, boot: Boot, descriptor: int) -> list[str]:
        """One processor: two of these share two cores with the rest."""
        serial = self.ip.rpartition(".")[2]
        identity = uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.name}.livelab")
        words = f"lab.host={self.name} lab.ip={self.ip} lab.uuid={identity}"
        share = (
            [
                "-virtfs",
                f"local,path={boot.instances},mount_tag=instances,"
                "security_model=none,multidevs=remap",
            ]
            if boot.instances
            else []
        )
        return [
            *("qemu-system-x86_64", "-name", self.name, "-nodefaults"),
            *("-accel", "tcg,thread=multi,tb-size=256"),
            *("-machine", "q35,hpet=off", "-cpu", boot.cpu, "-smp", "1"),
            *("-m", str(boot.memory_mib), "-uuid", str(identity)),
            *("-no-user-config", "-display", "none", "-no-reboot"),
            *("-serial", f"file:{self.console}"),
            *("-kernel", str(boot.kernel), "-initrd", str(boot.initrd)),
            *("-append", f"{CONSOLE} {words} lab.device={boot.device}"),
            "-drive",
            f"file={boot.disk},format=raw,if=none,id=disk,snapshot=on",
            *("-device", "virtio-blk-pci,drive=disk"),
            *("-netdev", f"tap,id=net,fd={descriptor}"),
            "-device",
            f"virtio-net-pci,netdev=net,mac=52:54:00:78:00:{int(serial):02x},"
            "romfile=",
            *("-device", "virtio-rng-pci"),
            *share,
        ]
