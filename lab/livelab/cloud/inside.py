# SPDX-License-Identifier: Apache-2.0
"""Run a function inside a lab host's network, in this process.

The machine itself has no address in the lab's network. A thread, unlike
the process, can change its network namespace; a socket stays in the one it
was made in.
"""

import ctypes
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from livelab import namespaces
from livelab.errors import LabError
from livelab.hosts import Host

CLONE_NEWNET = 0x40000000
T = TypeVar("T")


def call(host: Host, function: Callable[[], T]) -> T:
    """Return what function returns in the host's network, or raise."""
    results: list[T] = []
    errors: list[BaseException] = []

    def body() -> None:
        try:
            _enter(host)
            results.append(function())
        except BaseException as error:
            errors.append(error)

    # A thread of its own: it never has to find the way back.
    thread = threading.Thread(target=body, name=f"in-{host.name}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _enter(host: Host) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        descriptor = os.open(namespaces.NETNS / host.netns, os.O_RDONLY)
    except FileNotFoundError as error:
        raise LabError(f"{host.name}: is not up") from error
    try:
        if libc.setns(descriptor, CLONE_NEWNET):
            reason = os.strerror(ctypes.get_errno())
            raise LabError(f"{host.name}: setns: {reason}")
    finally:
        os.close(descriptor)
