# SPDX-License-Identifier: Apache-2.0
"""libvirt's events, while somebody in this process wants them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import libvirt


@contextmanager
def running() -> Iterator[None]:
    """Deliver events in a thread of this process.

    Connections that are to have events are opened inside.
    """
    libvirt.virEventRegisterDefaultImpl()
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            libvirt.virEventRunDefaultImpl()

    # Wakes the loop up, so that it sees the end.
    timer = libvirt.virEventAddTimeout(200, lambda *_: None, None)
    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)
        libvirt.virEventRemoveTimeout(timer)
