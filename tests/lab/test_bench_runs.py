# SPDX-License-Identifier: Apache-2.0
"""A cell of the bench for real: two policies on one guest."""

from pathlib import Path

import pytest
from livelab.benching import contestants, loads
from livelab.benching.cells import cells
from livelab.benching.runner import Runner
from livelab.hosts import Network
from livelab.libvirtd import Libvirtd
from livelab.predicting import journey
from livelab.predicting.results import Results


@pytest.mark.lab
def test_two_policies_take_turns_on_one_guest(
    network: Network, libvirtds: tuple[Libvirtd, Libvirtd], tmp_path: Path
) -> None:
    found = cells(
        loads.find(["random 1/2"]),
        (400,),
        contestants.find(["adaptive", "nova-vgpu-guide"]),
        (300,),
        1,
    )
    results = Results(tmp_path / "results.jsonl")
    runner = Runner(network, libvirtds, results, cut_s=60)
    with journey.Events():
        try:
            rows = {
                row["contestant"]: row
                for row in (runner.run(cell, print) for cell in found)
            }
        finally:
            runner.close()
    assert {row["outcome"] for row in rows.values()} == {"completed"}
    assert all(row["memory_ok"] for row in rows.values())
    ours, theirs = rows["adaptive"], rows["nova-vgpu-guide"]
    # The guide's limit lets QEMU stop the guest for most of the transfer,
    # and the guest's own marks show it.
    assert theirs["gap_ms"] > 2000
    assert theirs["gap_ms"] == pytest.approx(
        theirs["did"]["downtime_ms"], rel=0.25
    )
    assert ours["gap_ms"] < theirs["gap_ms"] / 2
    assert ours["calm_work_mib_s"] == pytest.approx(23, rel=0.3)
    again = Results(tmp_path / "results.jsonl")
    assert all(again.done(cell.key) for cell in found)
