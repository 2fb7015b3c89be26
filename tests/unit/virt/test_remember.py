"""What a migration that has ended leaves to the history."""

from dataclasses import replace

import pytest

from nova_livemig_gpu.history.entry import Settings
from nova_livemig_gpu.model import JobState, Outcome, Pass
from nova_livemig_gpu.prediction.stun import StunKey, VgpuUse
from nova_livemig_gpu.virt import remember
from nova_livemig_gpu.virt.foreseen import Foreseen
from tests import builders, builders_history

MB = 10**6
HEAD = {
    "migration": "0b7c2a52-8f4e-4d59-9a0c-1f2e3d4c5b6a",
    "server": "3f8a1c9e-5b7d-4e2f-8a6b-9c0d1e2f3a4b",
    "source": "src",
    "destination": "dest",
    "memory_mb": 1024,
    "overhead_ms": 50.0,
    "running": 1,
}
DONE = Outcome(JobState.COMPLETED, total_ms=20_000, downtime_ms=340, passes=3)
KEY = StunKey("NVIDIA A40", "NVIDIA A40-8Q")
FORESEEN = Foreseen(
    prediction=builders_history.prediction(total_s=22.0, downtime_ms=300.0)
)


def end(limit_ms=250, **changes):
    passes = (
        Pass(1, 0.0, 10.0, 500 * MB, 60 * MB, unsent_bytes=10 * MB),
        Pass(2, 10.0, 11.2, 60 * MB, 5 * MB, unsent_bytes=10 * MB),
    )
    return replace(
        builders.at_pass_end([60.0]),
        passes=passes,
        pass_count=2,
        limit_ms=limit_ms,
        **changes,
    )


def kept(outcome=DONE, foreseen=FORESEEN, last=None, vfio=False):
    progress = last or end()
    return remember.entry(HEAD, outcome, foreseen, progress, vfio, ())


def test_what_is_kept():
    found = kept()
    assert found.migration == HEAD["migration"]
    assert (found.source, found.destination) == ("src", "dest")
    assert found.memory_bytes == 2**30
    assert found.bandwidth_bps == pytest.approx(50 * MB)
    assert found.overhead_ms == 90
    assert found.settings.mode == "precopy"
    assert found.settings.limit_ms == 250
    assert found.concurrent == 1
    assert [p.period_s for p in found.curve] == pytest.approx([10.0, 1.2])
    assert found.prediction == FORESEEN.prediction
    assert found.stuns == ()


def test_what_auto_converge_slowed_down_is_not_the_server():
    whole = end()
    slow = Pass(3, 11.2, 13.2, 20 * MB, MB, throttle_percent=50)
    found = kept(last=replace(whole, passes=(*whole.passes, slow)))
    assert found.curve == kept().curve
    assert found.bandwidth_bps == kept().bandwidth_bps
    alone = kept(last=replace(whole, passes=(slow,)))
    assert alone.curve == ()
    assert alone.bandwidth_bps == 10 * MB


@pytest.mark.parametrize("mib_s", [0, 20])
def test_a_limited_rate_says_nothing_of_the_link(mib_s):
    found = kept(last=end(bandwidth_mib_s=mib_s))
    assert found.bandwidth_bps is found.overhead_ms is None
    assert found.prediction is None
    assert found.curve == kept().curve


def test_novas_own_monitor_shows_no_passes():
    found = remember.entry(HEAD, DONE, FORESEEN, None, False, ())
    assert found.bandwidth_bps is None
    assert found.overhead_ms is None
    assert found.curve == ()


@pytest.mark.parametrize(
    "outcome",
    [
        replace(DONE, state=JobState.FAILED, reason="no", downtime_ms=None),
        replace(DONE, forced=True),
        replace(DONE, postcopy=True),
        replace(DONE, downtime_ms=None),
    ],
)
def test_a_pause_that_has_nothing_to_do_with_the_limit(outcome):
    assert kept(outcome).overhead_ms is None


def test_modes():
    switched = replace(DONE, postcopy=True)
    assert kept(switched).settings.mode == "hybrid"
    at_once = replace(end(), passes=(), pass_count=0)
    assert kept(switched, last=at_once).settings.mode == "postcopy"


def test_the_stun_of_one_kind_of_vgpu():
    vgpu = VgpuUse(KEY, 2 * 10**9, "nvml")
    foreseen = replace(FORESEEN, vgpus=(vgpu, vgpu))
    outcome = replace(DONE, downtime_ms=6_340)
    found = kept(outcome, foreseen, vfio=True)
    (stun,) = found.stuns
    assert stun.key == KEY and stun.vgpus == 2
    assert stun.framebuffer_bytes == 4 * 10**9
    # 60 MiB of memory were left at 50 MB/s, 50 ms are the overhead
    assert stun.stun_s == pytest.approx(6.29 - 60 * 2**20 / 50e6)
    assert found.overhead_ms is None and found.vfio


@pytest.mark.parametrize(
    ("link_mbps", "memory_s"), [(1000, 60 * 2**20 / 117.5e6), (None, 0.0)]
)
def test_the_stun_of_one_whose_rate_was_limited(link_mbps, memory_s):
    """It is not while the guest stands still."""
    vgpu = VgpuUse(replace(KEY, link_mbps=link_mbps), 2 * 10**9, "nvml")
    found = kept(
        replace(DONE, downtime_ms=6_340),
        replace(FORESEEN, vgpus=(vgpu,)),
        end(bandwidth_mib_s=6),
        vfio=True,
    )
    (stun,) = found.stuns
    assert stun.stun_s == pytest.approx(6.29 - memory_s)


@pytest.mark.parametrize(
    "vgpus",
    [
        (VgpuUse(KEY, None),),
        (VgpuUse(KEY, 1), VgpuUse(StunKey("NVIDIA A16"), 1)),
    ],
)
def test_a_stun_that_cannot_be_told_apart(vgpus):
    assert kept(foreseen=replace(FORESEEN, vgpus=vgpus)).stuns == ()


def test_the_error():
    assert remember.error(FORESEEN, DONE) == {
        "converges": True,
        "completed": True,
        "total": 0.1,
        "downtime_ms": -40.0,
    }


def test_the_error_of_a_verdict():
    failed = Outcome(JobState.FAILED, reason="no")
    assert remember.error(FORESEEN, failed) == {
        "converges": True,
        "completed": False,
    }
    assert remember.error(Foreseen(why="off"), DONE) is None


def sample(state=JobState.COMPLETED, **changes):
    return replace(
        builders.sample(20.0), state=state, page_size_bytes=4096, **changes
    )


def test_memory_that_was_not_zero():
    """Two bounds: pages sent in full, and the first pass."""
    first = builders.sample(0.2)
    begun = replace(first, processed_bytes=5 * MB)
    by_pass = end(first=begun, sample=sample(normal_pages=200_000))
    assert kept(last=by_pass).normal_bytes == 515 * MB
    by_pages = end(first=begun, sample=sample(normal_pages=10_000))
    assert kept(last=by_pages).normal_bytes == 40_960_000
    much = end(first=begun, sample=sample(normal_pages=10**9))
    small = replace(begun, processed_bytes=2**31)
    assert kept(last=replace(much, first=small)).normal_bytes == 2**30


def test_memory_that_was_not_zero_unknown():
    blind = end(first=None, sample=sample(normal_pages=None))
    assert kept(last=blind).normal_bytes is None
    # it did not end: pages are missing
    failed = replace(DONE, state=JobState.FAILED, reason="no")
    begun = end(
        first=None, sample=sample(JobState.FAILED, normal_pages=10_000)
    )
    assert kept(failed, last=begun).normal_bytes is None
    # the first pass is forgotten
    late = end(first=builders.sample(0.2), sample=None)
    late = replace(late, passes=late.passes[1:])
    assert kept(last=late).normal_bytes is None
    squeezed = remember.entry(
        HEAD, DONE, FORESEEN, end(), False, (), Settings(compression="zlib")
    )
    assert squeezed.normal_bytes is None


def test_how_it_was_started():
    found = remember.entry(
        HEAD, DONE, FORESEEN, end(), False, (), Settings(channels=4)
    )
    assert found.settings == Settings("precopy", 250, channels=4)
