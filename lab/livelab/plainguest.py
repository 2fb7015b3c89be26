# SPDX-License-Identifier: Apache-2.0
"""A guest without OpenStack, for tests of migration itself."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import libvirt

from livelab import guest, paths
from livelab.errors import LabError
from livelab.libvirtd import Libvirtd

# Writing is appended: the destination's QEMU opens the same file, and
# would otherwise truncate what the source has written.
DOMAIN = """\
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>{memory_mib}</memory>
  <vcpu>{vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>console=ttyS0 quiet {cmdline}</cmdline>
  </os>
  <features><acpi/></features>
  <on_reboot>destroy</on_reboot>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <serial type='file'>
      <source path='{console}' append='on'/>
    </serial>
    <memballoon model='none'/>
    <controller type='usb' model='none'/>
{more}  </devices>
</domain>
"""


class PlainGuest:
    """A transient domain whose load is told on the kernel's command line."""

    #: Further devices, as libvirt has them.
    more_devices = ""

    def __init__(
        self,
        name: str,
        load: Mapping[str, object],
        *,
        memory_mib: int = 512,
        vcpus: int = 1,
        state: Path | None = None,
    ) -> None:
        self.name = name
        self.load = dict(load)
        self.memory_mib = memory_mib
        self.vcpus = vcpus
        self.state = state or paths.state_dir()

    @property
    def console(self) -> Path:
        """The console's file; source and destination both append to it."""
        return paths.log_dir(self.state) / f"console-{self.name}.log"

    def xml(self) -> str:
        """The domain's definition."""
        files = self.files()
        return DOMAIN.format(
            name=self.name,
            memory_mib=self.memory_mib,
            vcpus=self.vcpus,
            kernel=files.kernel,
            initrd=files.initrd,
            cmdline=" ".join(f"{k}={v}" for k, v in self.load.items()),
            console=self.console,
            more=self.more_devices,
        )

    def files(self) -> guest.GuestFiles:
        """What it boots; raises LabError."""
        return guest.build(self.state)

    def start(self, libvirtd: Libvirtd) -> None:
        """Create it there; raises libvirtError. Does not wait for boot."""
        self.console.unlink(missing_ok=True)
        connection = libvirt.open(libvirtd.socket_uri)
        try:
            connection.createXML(self.xml())
        finally:
            connection.close()

    def console_lines(self) -> list[str]:
        """All whole lines it has printed."""
        try:
            text = self.console.read_text(errors="replace")
        except FileNotFoundError:
            return []
        return [line.rstrip("\r") for line in text.split("\n")[:-1]]

    def wait_for(
        self, pattern: str, timeout: float = 60, after: int = 0
    ) -> re.Match[str]:
        """Wait for a line, from number `after` on, that matches.

        Raises LabError with the last lines when time runs out.
        """
        limit = time.monotonic() + timeout
        while True:
            lines = self.console_lines()
            for line in lines[after:]:
                if found := re.search(pattern, line):
                    return found
            if time.monotonic() > limit:
                said = "".join(f"\n  {line}" for line in lines[-10:])
                raise LabError(
                    f"{self.name}: no {pattern!r} in {timeout} s:{said}"
                )
            time.sleep(0.1)

    def wait_sweep(self, timeout: float = 120) -> None:
        """Wait until all memory was verified by a sweep that begins now.

        Raises LabError when a byte is wrong, then or at any time before.
        """
        after = len(self.console_lines())
        begun = self.wait_for(r"SWEEP (\d+) begin", timeout, after)
        self.wait_for(rf"SWEEP {begun[1]} (ok|BAD)", timeout, after)
        self.check()

    def check(self) -> None:
        """Raise LabError if the guest has reported a wrong byte."""
        bad = [line for line in self.console_lines() if "BAD" in line]
        if bad:
            raise LabError(f"{self.name}: memory is wrong: {bad[0]}")

    def destroy(self, *hosts: Libvirtd) -> None:
        """End it on whichever of these hosts it is."""
        for libvirtd in hosts:
            connection = libvirt.open(libvirtd.socket_uri)
            for domain in connection.listAllDomains():
                if domain.name() == self.name:
                    domain.destroy()
            connection.close()


class Running:
    """A started guest for a `with` block; destroyed at its end."""

    def __init__(self, plain: PlainGuest, first: Libvirtd, *more: Libvirtd):
        self.plain = plain
        self.hosts = (first, *more)

    def __enter__(self) -> PlainGuest:
        self.plain.start(self.hosts[0])
        return self.plain

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.plain.destroy(*self.hosts)
