# SPDX-License-Identifier: Apache-2.0
"""A machine's link to the lab's bridge: a tap that goes with its QEMU.

It is opened here, in the machine's own network, and QEMU inherits it: so
QEMU can live in a lab host, where `down` finds it, while the other end is
on the bridge. The kernel takes the device away when QEMU is gone.
"""

import fcntl
import os
import struct

from livelab import command
from livelab.errors import LabError

TUNSETIFF = 0x400454CA
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
IFF_VNET_HDR = 0x4000


def open_on(bridge: str, name: str) -> int:
    """A file descriptor for a new tap on a bridge; raises LabError."""
    try:
        descriptor = os.open("/dev/net/tun", os.O_RDWR)
    except OSError as error:
        raise LabError(f"/dev/net/tun: {error.strerror}") from error
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR
    try:
        fcntl.ioctl(
            descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), flags)
        )
        for line in (f"master {bridge}", "up"):
            command.run(["ip", "link", "set", name, *line.split()])
    except OSError as error:
        os.close(descriptor)
        raise LabError(f"tap {name}: {error.strerror}") from error
    except LabError:
        os.close(descriptor)
        raise
    return descriptor
