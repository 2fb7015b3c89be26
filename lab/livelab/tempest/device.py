# SPDX-License-Identifier: Apache-2.0
"""``python -m livelab.tempest.device mark|check SERVER``: a server's device.

Tempest's test of a vGPU's data calls it: the lab's guests tell nothing of
their device, but its host does.
"""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import libvirt

from livelab.cloud import hypervisors
from livelab.cloud.site import Site
from livelab.errors import LabError
from livelab.vfio import state
from livelab.vfio.machine import Machine

LAB = Path(__file__).resolve().parents[2]


def command(site: Site) -> str:
    """For tempest.conf, from within the controller's namespaces.

    It is run outside, in those of the process that wrote this.
    """
    out = f"nsenter -t {os.getpid()} -n -m -u -- env"
    places = f"LIVEMIG_LAB_DIR={site.state} PYTHONPATH={LAB}"
    words = [*out.split(), *places.split()]
    return shlex.join([*words, sys.executable, "-m", __name__])


def main(words: Sequence[str]) -> int:
    """0; 1 with what is wrong."""
    word, server_id = words
    try:
        wrong = _do(word, server_id)
    except LabError as error:
        wrong = str(error)
    if wrong:
        print(wrong)
    return 1 if wrong else 0


def _do(word: str, server_id: str) -> str | None:
    found = hypervisors.of(Site())
    if not isinstance(found, hypervisors.VfioHypervisors):
        raise LabError("the cloud has no VFIO hosts")
    machine, domain = _find(found.lab.machines, server_id)
    known = state.of(machine)
    if word == "mark":
        known.mark(machine, domain)
        return None
    return known.check(machine, domain)


def _find(
    machines: Sequence[Machine], server_id: str
) -> tuple[Machine, libvirt.virDomain]:
    """Where it runs; raises LabError: nowhere."""
    for machine in machines:
        for domain in machine.connect().listAllDomains(
            libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
        ):
            if domain.UUIDString() == server_id:
                return machine, domain
    raise LabError(f"server {server_id}: runs on no machine")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
