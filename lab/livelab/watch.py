# SPDX-License-Identifier: Apache-2.0
"""Record a migration as seen from outside: statistics and events.

python -m livelab.watch --domain NAME|UUID --out FILE --seconds N URI...

Every line of FILE is {"t": ..., "host": ..., "kind": ...} and raw values:
sample (job statistics, while there is a job), job_completed (the final
ones), iteration (a pass ended) and lifecycle (event and detail). It ends N
seconds later, or two seconds after the migration did.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import libvirt

from livelab.ending import Ending
from livelab.summary import Point, Run, summarize

__all__ = ["Point", "Run", "Watcher", "main", "summarize"]


class Watcher:
    """Writes what happens to one domain on one host."""

    def __init__(
        self, uri: str, domain: str, out: "Recording", ending: Ending
    ) -> None:
        self._connection = libvirt.open(uri)
        self._host = self._connection.getHostname()
        self._domain = domain
        self._out = out
        self._ending = ending
        for event, callback in (
            (libvirt.VIR_DOMAIN_EVENT_ID_JOB_COMPLETED, self._on_completed),
            (
                libvirt.VIR_DOMAIN_EVENT_ID_MIGRATION_ITERATION,
                self._on_iteration,
            ),
            (libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._on_lifecycle),
        ):
            # For all domains: on the destination ours is not there yet.
            self._connection.domainEventRegisterAny(None, event, callback, 0)

    def sample(self) -> None:
        """Write the running job's statistics, if there is one."""
        try:
            stats = self._find().jobStats()
        except libvirt.libvirtError:
            # Not here, not here any more, or too busy to say.
            return
        if stats.get("type", libvirt.VIR_DOMAIN_JOB_NONE):
            self._ending.job_seen(time.monotonic())
            self._out.write(self._host, "sample", stats)

    def sample_until(self, stop: threading.Event, interval_s: float) -> None:
        """Sample again and again, until told to stop."""
        while not stop.wait(interval_s):
            self.sample()

    def _find(self) -> libvirt.virDomain:
        try:
            return self._connection.lookupByName(self._domain)
        except libvirt.libvirtError:
            return self._connection.lookupByUUIDString(self._domain)

    def _is_ours(self, domain: libvirt.virDomain) -> bool:
        return self._domain in (domain.name(), domain.UUIDString())

    def _on_completed(
        self, _: object, domain: libvirt.virDomain, stats: Any, __: object
    ) -> None:
        if self._is_ours(domain):
            self._ending.completed(time.monotonic())
            self._out.write(self._host, "job_completed", stats)

    def _on_iteration(
        self, _: object, domain: libvirt.virDomain, number: int, __: object
    ) -> None:
        if self._is_ours(domain):
            self._out.write(self._host, "iteration", {"iteration": number})

    def _on_lifecycle(
        self,
        _: object,
        domain: libvirt.virDomain,
        event: int,
        detail: int,
        __: object,
    ) -> None:
        if self._is_ours(domain):
            values = {"event": event, "detail": detail}
            self._out.write(self._host, "lifecycle", values)


class Recording:
    """Lines of JSON, from several threads."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._lock = threading.Lock()

    def write(self, host: str, kind: str, values: Mapping[str, Any]) -> None:
        """Write one record, with the time now."""
        record = {"t": time.time(), "host": host, "kind": kind, **values}
        with self._lock:
            # Whole lines at once, for those who read along.
            self._file.write(json.dumps(record) + "\n")
            self._file.flush()


def watch(
    domain: str,
    uris: Sequence[str],
    out: Path,
    seconds: float,
    interval_s: float = 0.05,
) -> None:
    """Record until the migration is over; raises libvirtError."""
    _quiet()
    ending = Ending(time.monotonic(), seconds)
    stop = threading.Event()
    with out.open("w") as file:
        recording = Recording(file)
        watchers = [Watcher(uri, domain, recording, ending) for uri in uris]
        # A thread each: the destination may answer late, the source not.
        threads = [
            threading.Thread(target=w.sample_until, args=(stop, interval_s))
            for w in watchers
        ]
        for thread in threads:
            thread.start()
        while not ending.over(time.monotonic()):
            time.sleep(0.05)
        stop.set()
        for thread in threads:
            thread.join()


def _quiet() -> None:
    """Events in the background; no errors on stderr, they are handled."""
    libvirt.registerErrorHandler(lambda *_: None, None)
    libvirt.virEventRegisterDefaultImpl()
    threading.Thread(target=_run_events, daemon=True).start()


def _run_events() -> None:
    while True:
        libvirt.virEventRunDefaultImpl()


def main(words: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="livelab.watch")
    parser.add_argument("--domain", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--seconds", required=True, type=float)
    parser.add_argument("--interval", default=0.05, type=float)
    parser.add_argument("uris", nargs="+", metavar="URI")
    given = parser.parse_args(words)
    watch(given.domain, given.uris, given.out, given.seconds, given.interval)
    return 0


if __name__ == "__main__":
    sys.exit(main())
