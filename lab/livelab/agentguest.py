# SPDX-License-Identifier: Apache-2.0
"""The lab's guest with QEMU's guest agent in it.

Its initramfs is the plain guest's and one more behind it: Linux unpacks both,
and what the second has counts. The agent and the kernel's modules for its
channel come from Debian's packages, the agent's libraries from this machine.
"""

import lzma
import re
from pathlib import Path

from livelab import command, cpio, guest
from livelab.errors import LabError
from livelab.guest import GuestFiles
from livelab.plainguest import PlainGuest
from livelab.vfio import cache

INIT = Path(__file__).resolve().parents[1] / "guest-agent" / "init"
PACKAGE = "qemu-guest-agent"
# In the order in which they are loaded; what a kernel has built in is not
# among its modules.
MODULES = (
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "virtio_console",
    "loop",
)
CHANNEL = """\
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
"""


class AgentGuest(PlainGuest):
    """A plain guest whose agent answers at its channel."""

    more_devices = CHANNEL

    def files(self) -> GuestFiles:
        return build(self.state)


def build(state: Path | None = None) -> GuestFiles:
    """The guest's files, built if they are not in the cache yet.

    Raises LabError. Needs what ``guest.build`` does, and a package mirror.
    """
    plain = guest.build(state)

    def make(scratch: Path) -> bytes:
        return plain.initrd.read_bytes() + guest.packed(_entries(scratch))

    names = plain.kernel.name, plain.initrd.name
    key = cache.fingerprint(*names, Path(__file__), INIT)
    place = plain.initrd.with_name(f"initrd-agent-{key}.gz")
    return GuestFiles(plain.kernel, guest.kept(place, make))


def _entries(scratch: Path) -> list[cpio.Entry]:
    agent = guest.unpacked(PACKAGE, scratch) / "usr/sbin/qemu-ga"
    if not agent.exists():
        raise LabError(f"{PACKAGE}: no usr/sbin/qemu-ga in it")
    files = {"bin/qemu-ga": agent, "init": INIT}
    files |= {str(path).lstrip("/"): path for path in _libraries(agent)}
    contents = {name: path.read_bytes() for name, path in files.items()}
    contents |= _modules(guest.unpacked(guest.kernel_package(), scratch))
    return cpio.tree(contents, "sys", "run", "disk")


def _libraries(program: Path) -> list[Path]:
    """What it is linked with, and the loader. Raises LabError."""
    told = command.run(["ldd", str(program)]).stdout
    if "not found" in told:
        raise LabError(f"{program.name}: libraries are missing:\n{told}")
    return [Path(name) for name in re.findall(r"(/\S+) \(0x", told)]


def _modules(tree: Path) -> dict[str, bytes]:
    found = {}
    for number, name in enumerate(MODULES):
        for path in tree.glob(f"**/{name}.ko*"):
            data = path.read_bytes()
            if path.suffix == ".xz":
                data = lzma.decompress(data)
            elif path.suffix != ".ko":
                raise LabError(f"{path.name}: packed in an unknown way")
            found[f"modules/{number}-{name}.ko"] = data
    return found
