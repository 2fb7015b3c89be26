"""Constants from runs."""

from dataclasses import replace

import pytest

from nova_livemig_gpu.model import Pass
from nova_livemig_gpu.planning.fitting import Run, fit
from nova_livemig_gpu.planning.guestwrites import Random
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.simulator import Scenario, simulate
from nova_livemig_gpu.policies import loader
from tests.builders import MIB, budget

START = Hosts(400, efficiency=0.9, setup_s=9.0, overhead_ms=7.0)


def run(**changes):
    return replace(
        Run(
            link_mbps=400,
            total_s=10.0,
            sent_bytes=300e6,
            passes=(Pass(1, 0.5, 5.389, 235_400_000, 0),),
        ),
        **changes,
    )


def test_the_documented_example():
    assert fit([run()], START).efficiency == pytest.approx(0.963, abs=5e-4)


def test_no_run_no_change():
    assert fit([], START) == replace(START, end_s=0.0)
    assert fit([run(link_mbps=200)], START).efficiency == 0.9


@pytest.mark.parametrize(
    "useless",
    [
        Pass(1, 0, 0.5, 10_000_000, 0),
        Pass(1, 0, 5, 10_000_000, 0, merged=True),
    ],
)
def test_short_and_merged_passes_tell_no_rate(useless):
    assert fit([run(passes=(useless,))], START).efficiency == 0.9


def test_a_pause_of_ours_tells_no_overhead():
    told = run(downtime_ms=250.0, copy_ms=190.0)
    paused = replace(told, downtime_ms=5000.0, paused=True)
    assert fit([told, paused], START).overhead_ms == 60
    assert fit([paused], START).overhead_ms == START.overhead_ms


def test_postcopy_tells_its_own_pause():
    runs = [run(postcopy=True, pause_ms=p) for p in (100.0, 120.0, 900.0)]
    assert fit(runs, START).postcopy_ms == 120


def test_what_simulated_runs_were_made_with_is_found_again():
    truth = Hosts(400, efficiency=0.93, setup_s=0.8, overhead_ms=70, end_s=0.0)
    guest = Guest(512 * MIB, 300 * MIB, Random(20 * MIB, 96 * MIB))
    runs = []
    for name in ("kubevirt", "proxmox", "nova-staircase"):
        found = simulate(
            loader.find(name), Scenario(guest, truth, budget())
        ).seen
        bare = replace(truth, overhead_ms=0)
        copy = simulate(
            loader.find(name), Scenario(guest, bare, budget())
        ).seen
        sent = 300 * MIB * 4104 / 4096
        seconds = sent / truth.link_bps
        runs.append(
            Run(
                link_mbps=400,
                total_s=found.total_s,
                sent_bytes=found.sent_bytes,
                passes=(Pass(1, 0, seconds, int(sent), 0),),
                downtime_ms=found.downtime_ms,
                copy_ms=copy.downtime_ms,
            )
        )
    fitted = fit(runs, START)
    assert fitted.efficiency == pytest.approx(truth.efficiency, rel=1e-3)
    assert fitted.overhead_ms == pytest.approx(70, abs=1)
    # Finding zero pages and collecting dirty ones count as set-up.
    assert fitted.setup_s == pytest.approx(truth.setup_s, abs=0.25)
