# SPDX-License-Identifier: Apache-2.0
"""Have a machine do something: its end of inside/over/usr/sbin/lab-agent."""

import socket
from dataclasses import dataclass

from livelab.cloud import inside
from livelab.errors import LabError
from livelab.hosts import Host

PORT = 2222


@dataclass(frozen=True)
class Answer:
    """What a script wrote, both its streams in one, and its exit code."""

    data: bytes
    code: int

    @property
    def text(self) -> str:
        return self.data.decode(errors="replace")


def ask(
    via: Host, ip: str, script: str, *, input: bytes = b"", timeout: float = 60
) -> Answer:
    """Run a bash script as root in the machine at ip, seen from a host.

    timeout is for every single piece of the answer. Raises LabError when
    the machine does not answer, not when the script fails.
    """

    def talk() -> bytes:
        text = script.encode()
        with socket.create_connection((ip, PORT), timeout) as channel:
            channel.sendall(b"%d\n" % len(text) + text + input)
            channel.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: channel.recv(65536), b""))

    try:
        said = inside.call(via, talk)
    except OSError as error:
        raise LabError(f"{ip}: {script[:60]!r}: {error}") from error
    data, zero, code = said.rpartition(b"\0")
    if not zero:
        raise LabError(f"{ip}: {script[:60]!r}: the answer broke off")
    return Answer(data, int(code))
