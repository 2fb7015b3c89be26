# SPDX-License-Identifier: Apache-2.0
"""Who competes: a policy and what the server permits it."""

from dataclasses import dataclass

from livelab.errors import LabError
from nova_livemig_gpu.model import (
    Budget,
    Goal,
    OnTimeout,
    PostcopyStart,
    Staircase,
    Surroundings,
)
from nova_livemig_gpu.policies import loader
from nova_livemig_gpu.policies.base import Policy

#: See switchover_overhead_ms. Its default, 100, is ample for a guest under
#: KVM; under emulation the destination starts with nothing translated, and
#: the guest's own marks show 118 ms beyond QEMU's limit.
OVERHEAD_MS = 150
#: Nova's defaults; its GiB are 2 at least.
STAIRS = Staircase(downtime_ms=500, steps=10, delay_s=75, size_gib=2.0)


@dataclass(frozen=True)
class Contestant:
    """One column of the matrix.

    :ivar ours: it keeps a budget, and runs once for each
    """

    name: str
    policy: str
    postcopy: bool = True
    auto_converge: bool = True
    ours: bool = False
    start: PostcopyStart = PostcopyStart.AFTER_FIRST_PASS

    def make(self, budget_ms: int, cut_s: float) -> Policy:
        """The policy; a migration that runs for cut_s is aborted.

        :raises PolicyNotFound:
        """
        kind = loader.find(self.policy)
        return kind(
            Budget(
                policy=self.policy,
                max_downtime_ms=budget_ms,
                timeout_s=cut_s,
                on_timeout=OnTimeout.ABORT,
                postcopy=self.postcopy,
                auto_converge=self.auto_converge,
                bandwidth_mbps=None,
                goal=Goal.FAST,
                postcopy_start=self.start,
            ),
            Surroundings(overhead_ms=OVERHEAD_MS, staircase=STAIRS),
        )


def _plain(name: str) -> Contestant:
    """A product as it is; what it does not use is permitted in vain."""
    return Contestant(name, name)


ALL = (
    Contestant("adaptive", "adaptive", ours=True),
    Contestant(
        "adaptive, no post-copy", "adaptive", postcopy=False, ours=True
    ),
    Contestant(
        "adaptive, early post-copy",
        "adaptive",
        ours=True,
        start=PostcopyStart.AS_PREDICTED,
    ),
    # Nova permits neither by default.
    Contestant("nova-default", "nova-staircase", False, False),
    Contestant("nova-auto-converge", "nova-staircase", False, True),
    Contestant("nova-vgpu-guide", "nova-vgpu-guide", False, False),
    _plain("ovirt-minimal-downtime"),
    _plain("ovirt-suspend"),
    _plain("ovirt-post-copy"),
    _plain("ovirt-very-large"),
    _plain("kubevirt"),
    _plain("kubevirt-disrupt"),
    _plain("kubevirt-stall"),
    _plain("kubevirt-stall-disrupt"),
    _plain("proxmox"),
    _plain("xen-2005"),
)
#: What fits into three hours: Xen's law begins at 50 Mbit/s, and takes half a
#: minute for what the others do in six seconds.
FULL = tuple(
    each.name
    for each in ALL
    if each.name not in ("adaptive, early post-copy", "xen-2005")
)
QUICK = ("adaptive", "nova-default", "nova-vgpu-guide", "ovirt-post-copy")


def find(names: list[str]) -> list[Contestant]:
    """By name, in that order; raises LabError."""
    known = {each.name: each for each in ALL}
    for name in names:
        if name not in known:
            raise LabError(f"{name}: not one of {', '.join(known)}")
    return [known[name] for name in names]
