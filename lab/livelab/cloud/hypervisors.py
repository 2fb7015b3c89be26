# SPDX-License-Identifier: Apache-2.0
"""What the computes steer: libvirtds beside them, or virtual machines.

Plain hosts have their libvirtd in their own namespaces. VFIO hosts are
virtual machines with mediated devices, and nova-compute, which stays in its
namespaces outside, reaches their libvirtd by TCP. KVM hosts are such machines
with different processors, in which QEMU uses KVM.
"""

from abc import ABC, abstractmethod
from typing import Literal, get_args

from livelab import paths
from livelab.cloud.ini import Sections, Value, merge
from livelab.cloud.service import Service
from livelab.cloud.site import Site
from livelab.errors import LabError
from livelab.hosts import Host
from livelab.libvirtd import Libvirtd
from livelab.vfio import nova_conf
from livelab.vfio.lab import VfioLab

Kind = Literal["plain", "vfio", "kvm"]
KINDS: tuple[str, ...] = get_args(Kind)


class Hypervisors(ABC):
    """Both of them, each belonging to one of the computes."""

    kind: Kind

    def __init__(self, site: Site) -> None:
        self.site = site

    @abstractmethod
    def prepare(self) -> None:
        """Make what is costly; minutes the first time. Raises LabError."""

    @abstractmethod
    def start(self) -> None:
        """Start what does not run; does not wait. Raises LabError."""

    @abstractmethod
    def wait_ready(self) -> None:
        """Wait until they take connections. Raises LabError."""

    @abstractmethod
    def shape(self, rate_mbit: int | None) -> None:
        """Limit what one sends to the other; None: no limit."""

    @abstractmethod
    def services(self) -> list[Service]:
        """What runs for them, one for each compute."""

    @abstractmethod
    def conf(self, host: Host) -> Sections:
        """What they need in this compute's nova.conf."""


class PlainHypervisors(Hypervisors):
    """A libvirtd in the namespaces of each compute."""

    kind: Kind = "plain"

    def prepare(self) -> None:
        pass

    def start(self) -> None:
        for daemon in self._libvirtds():
            daemon.start()

    def wait_ready(self) -> None:
        for daemon in self._libvirtds():
            daemon.wait_ready()

    def shape(self, rate_mbit: int | None) -> None:
        for host in self.site.computes:
            host.shape(rate_mbit)

    def services(self) -> list[Service]:
        return [Service(each.daemon) for each in self._libvirtds()]

    def conf(self, host: Host) -> Sections:
        libvirt: dict[str, Value] = {
            "connection_uri": "qemu:///system",
            "live_migration_inbound_addr": host.ip,
        }
        if host.rate_mbit is None:
            return {"libvirt": libvirt}
        # The kernel knows no speed of a veth.
        link: dict[str, Value] = {"link_mbps": host.rate_mbit}
        return {"libvirt": libvirt, "livemig_gpu": link}

    def _libvirtds(self) -> list[Libvirtd]:
        return [Libvirtd(host) for host in self.site.computes]


class VfioHypervisors(Hypervisors):
    """A virtual machine for each compute."""

    kind: Kind = "vfio"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.lab = VfioLab(site.network)

    def prepare(self) -> None:
        _ = self.lab.image

    def start(self) -> None:
        self.lab.start(instances=paths.instances_dir(self.site.state))

    def wait_ready(self) -> None:
        self.lab.wait_ready()
        self.show_types()

    def show_types(self) -> None:
        """Let nova-compute see what types its machine has now."""
        pairs = zip(self.site.computes, self.lab.machines, strict=True)
        for host, machine in pairs:
            types = machine.ask(nova_conf.TYPES).text
            host.run(["sh", "-ec", nova_conf.SYSFS], input=types)

    def shape(self, rate_mbit: int | None) -> None:
        for machine in self.lab.machines:
            machine.shape(rate_mbit)

    def services(self) -> list[Service]:
        return [Service(machine.daemon) for machine in self.lab.machines]

    def conf(self, host: Host) -> Sections:
        number = self.site.computes.index(host)
        return nova_conf.sections(self.lab.machines[number])


class KvmHypervisors(VfioHypervisors):
    """The same, with KVM and of two generations.

    The processor that QEMU emulates has SVM, and so its kernel has KVM; what
    the guests get is what KVM passes on of it.
    """

    kind: Kind = "kvm"

    def start(self) -> None:
        self.lab.start(
            instances=paths.instances_dir(self.site.state),
            cpus=(NEWER, OLDER),
        )

    def wait_ready(self) -> None:
        self.lab.wait_ready()
        for machine in self.lab.machines:
            machine.run("modprobe kvm_amd")
        self.show_types()

    def conf(self, host: Host) -> Sections:
        return merge(super().conf(host), {"libvirt": {"virt_type": "kvm"}})


NEWER = "max,-la57"
# What a server of the newer one has and this one cannot have
LACKS = ("avx2", "bmi2", "erms")
OLDER = ",-".join((NEWER, *LACKS))


def of(site: Site) -> Hypervisors:
    """Those that the cloud was last told to have; plain ones at first."""
    file = site.state / "hypervisors"
    kind = file.read_text().strip() if file.exists() else "plain"
    kinds = (PlainHypervisors, VfioHypervisors, KvmHypervisors)
    return next(each for each in kinds if each.kind == kind)(site)


def choose(site: Site, kind: str) -> None:
    """Remember which kind is wanted; a cloud that is up stays as it is.

    Raises LabError where the other kind is up, or has left servers.
    """
    now = of(site).kind
    if kind != now and (site.controller.alive() or _kept(site)):
        raise LabError(f"the cloud has {now} hosts; take it down first")
    site.state.mkdir(parents=True, exist_ok=True)
    (site.state / "hypervisors").write_text(f"{kind}\n")


def _kept(site: Site) -> bool:
    instances = paths.instances_dir(site.state)
    return any(instances.iterdir())
