# SPDX-License-Identifier: Apache-2.0
"""Run one migration by the real client, watched from outside."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import livelab
from livelab.cloud import computes, mode
from livelab.cloud.client import Client
from livelab.cloud.records import Migration
from livelab.cloud.site import Site
from livelab.comparing import figures, live, ready
from livelab.comparing.console import Console, Say, damaged
from livelab.comparing.figures import Figures
from livelab.comparing.rows import Row
from livelab.errors import LabError
from livelab.libvirtd import Libvirtd

RECORDS = "nova/livemig_gpu/records"
POLL_S = 0.25
# For an abort, or for the clean-up of a migration that is over
GRACE_S = 90.0


class Runner:
    """Runs rows on one server; keeps the recordings in a directory."""

    def __init__(
        self,
        client: Client,
        server_id: str,
        rate_mib: float,
        out: Path,
    ) -> None:
        self.client = client
        self.site: Site = client.site
        self.server_id = server_id
        self.rate_mib = rate_mib
        self.out = out
        self.console = Console(client.console_file(server_id))

    def configure(self, row: Row) -> None:
        """Restart the computes, unless they run for this row already."""
        if mode.load(self.site.state) != row.mode:
            computes.configure(row.driver, row.options, site=self.site)
            ready.wait(self.site)

    def run(self, row: Row, number: int, say: Say) -> Figures:
        """One run from a steady load to verified memory; raises LabError."""
        say("waiting for a steady load")
        self.console.wait_steady(self.rate_mib, say)
        if damaged(self.console.lines()):
            raise LabError("the guest's memory was wrong before the run")
        recording = self.out / f"{row.name}-{number}.jsonl"
        begin = time.time()
        cut, ended = self._migrate(row, recording, say)
        verified = self._verify(say)
        record = self._record(ended, begin)
        if record is not None:
            kept = recording.with_suffix(".record.json")
            kept.write_text(json.dumps(record))
        return figures.compute(
            row,
            number,
            figures.CUT if cut else ended.status,
            ended.seconds,
            recording.read_text().splitlines(),
            record,
            verified,
        )

    def _migrate(
        self, row: Row, recording: Path, say: Say
    ) -> tuple[bool, Migration]:
        """Whether it was cut short, and Nova's record of it."""
        watcher = self._watch(recording, row.cut_s)
        try:
            say("openstack server migrate --live-migration")
            self.client.migrate(self.server_id)
            cut = self._follow(row, recording, say)
            ended = self.client.wait_migration(self.server_id, GRACE_S)
            if watcher.wait(GRACE_S):
                raise LabError("the watcher failed; see its words above")
        except subprocess.TimeoutExpired as error:
            raise LabError("the watcher does not end") from error
        finally:
            watcher.kill()
            watcher.wait()
        return cut, ended

    def _watch(self, recording: Path, cut_s: float) -> "subprocess.Popen[str]":
        """A process of its own: its clock must not wait for ours."""
        recording.unlink(missing_ok=True)
        uris = [Libvirtd(host).socket_uri for host in self.site.computes]
        lab = str(Path(*livelab.__path__).parent)
        watcher = subprocess.Popen(
            [
                *(sys.executable, "-m", "livelab.watch"),
                *("--domain", self.server_id, "--out", str(recording)),
                *("--seconds", str(cut_s + 2 * GRACE_S), *uris),
            ],
            env={**os.environ, "PYTHONPATH": lab},
            text=True,
        )
        limit = time.monotonic() + GRACE_S
        while not recording.exists():
            if watcher.poll() is not None or time.monotonic() > limit:
                raise LabError("the watcher does not start")
            time.sleep(POLL_S)
        return watcher

    def _follow(self, row: Row, recording: Path, say: Say) -> bool:
        """Until Nova's record is final; True when we have cut it short."""
        begin = time.monotonic()
        cut = False
        while True:
            record = self.client.migration(self.server_id)
            if record and record.final:
                return cut and record.status != figures.COMPLETED
            elapsed = time.monotonic() - begin
            if elapsed > row.cut_s + GRACE_S:
                state = record.status if record else "no record"
                raise LabError(f"the migration does not end: {state}")
            if record and elapsed > row.cut_s and not cut:
                say(f"cut after {row.cut_s:.0f} s")
                self._abort(record)
                cut = True
            say(live.line(recording))
            time.sleep(POLL_S)

    def _abort(self, record: Migration) -> None:
        words = ["server", "migration", "abort", self.server_id]
        try:
            self.client.openstack(*words, str(record.id), parse=False)
        except LabError:
            # It may have ended while the client was on its way.
            now = self.client.migration(self.server_id)
            if now is None or not now.final:
                raise

    def _verify(self, say: Say) -> bool:
        """By a sweep of all memory that begins after the migration."""
        if damaged(self.console.lines()):
            return False
        self.console.restart()
        right = self.console.wait_sweep(say)
        # After an abort stock Nova takes a running server for a broken one.
        if self.client.server_show(self.server_id).status == "ERROR":
            self.client.reset_state(self.server_id)
        return right

    def _record(
        self, ended: Migration, begin: float
    ) -> Mapping[str, Any] | None:
        """The plugin's record of this migration; None for stock Nova."""
        directory = self.site.network[ended.source].dir / RECORDS
        found = [
            file
            for file in directory.glob("*.json")
            if file.stat().st_mtime >= begin
        ]
        if not found:
            return None
        newest = max(found, key=lambda file: file.stat().st_mtime)
        record: dict[str, Any] = json.loads(newest.read_text())
        return record if record["server"] == self.server_id else None
