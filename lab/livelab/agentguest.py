# SPDX-License-Identifier: Apache-2.0
"""The lab's guest with QEMU's guest agent in it.

Its initramfs is the plain guest's and one more behind it: Linux unpacks both,
and what the second has counts. The agent and the kernel's modules for its
channel come from Debian's packages, the agent's libraries from this machine.
"""

import gzip
import hashlib
import lzma
import re
import tempfile
from pathlib import Path

from livelab import command, cpio, guest, paths
from livelab.errors import LabError
from livelab.guest import GuestFiles
from livelab.plainguest import PlainGuest

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
  </devices>
"""


class AgentGuest(PlainGuest):
    """A plain guest whose agent answers at its channel."""

    def xml(self) -> str:
        plain = guest.build(self.state)
        files = build(self.state)
        found = super().xml().replace(str(plain.initrd), str(files.initrd))
        return found.replace("  </devices>\n", CHANNEL)


def build(state: Path | None = None) -> GuestFiles:
    """The guest's files, built if they are not in the cache yet.

    Raises LabError. Needs what ``guest.build`` does, and a package mirror.
    """
    cache = paths.cache_dir(state or paths.state_dir())
    plain = guest.build(state)
    initrd = cache / f"initrd-agent-{_fingerprint(plain)}.gz"
    if not initrd.exists():
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            packed = Path(scratch, "initrd.gz")
            more = gzip.compress(_archive(Path(scratch)), 6, mtime=0)
            packed.write_bytes(plain.initrd.read_bytes() + more)
            guest.keep(packed, initrd)
    return GuestFiles(plain.kernel, initrd)


def _fingerprint(plain: GuestFiles) -> str:
    names = f"{plain.kernel.name} {plain.initrd.name}"
    digest = hashlib.sha256(names.encode())
    digest.update(Path(__file__).read_bytes())
    digest.update(INIT.read_bytes())
    return digest.hexdigest()[:16]


def _archive(scratch: Path) -> bytes:
    agent = guest.unpacked(PACKAGE, scratch) / "usr/sbin/qemu-ga"
    if not agent.exists():
        raise LabError(f"{PACKAGE}: no usr/sbin/qemu-ga in it")
    files = {"bin/qemu-ga": agent, "init": INIT}
    files |= {str(path).lstrip("/"): path for path in _libraries(agent)}
    modules = _modules(guest.unpacked(guest.kernel_package(), scratch))
    folders = {"sys", "run", "disk", "modules"}
    for name in files:
        folders |= {str(each) for each in Path(name).parents} - {"."}
    return cpio.archive(
        [
            *(cpio.directory(name) for name in sorted(folders)),
            *(
                cpio.program(to, path.read_bytes())
                for to, path in files.items()
            ),
            *modules,
        ]
    )


def _libraries(program: Path) -> list[Path]:
    """What it is linked with, and the loader. Raises LabError."""
    told = command.run(["ldd", str(program)]).stdout
    if "not found" in told:
        raise LabError(f"{program.name}: libraries are missing:\n{told}")
    return [Path(name) for name in re.findall(r"(/\S+) \(0x", told)]


def _modules(tree: Path) -> list[cpio.Entry]:
    found = []
    for number, name in enumerate(MODULES):
        for path in tree.glob(f"**/{name}.ko*"):
            data = path.read_bytes()
            if path.suffix == ".xz":
                data = lzma.decompress(data)
            elif path.suffix != ".ko":
                raise LabError(f"{path.name}: packed in an unknown way")
            found.append(cpio.program(f"modules/{number}-{name}.ko", data))
    return found
