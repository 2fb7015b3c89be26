import libvirt
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.model import JobState
from nova_livemig_gpu.virt.stats import job_type, to_sample

RUNNING = {
    "type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED,
    "time_elapsed": 4210,
    "memory_total": 554508288,
    "memory_processed": 201000000,
    "memory_remaining": 134000000,
    "memory_bps": 47700000,
    "memory_iteration": 2,
    "memory_page_size": 4096,
    "memory_dirty_rate": 10000,
    "memory_normal": 49000,
    "memory_constant": 80000,
}


def test_a_running_job():
    sample = to_sample(RUNNING, 4.2)
    assert sample.state is JobState.RUNNING
    assert sample.t_s == 4.2
    assert sample.iteration == 2
    assert sample.dirty_bps == 10000 * 4096
    assert sample.zero_pages == 80000


def test_what_is_absent_is_unknown():
    sample = to_sample({"type": RUNNING["type"], "memory_total": 5}, 0)
    assert sample.remaining_bytes is None
    assert sample.dirty_bps is None
    assert sample.vfio_bytes is None
    assert sample.downtime_ms is None


def test_zeros_during_set_up_are_unknown():
    sample = to_sample(
        {**dict.fromkeys(RUNNING, 0), "type": RUNNING["type"]}, 0
    )
    assert sample.state is JobState.RUNNING
    assert sample.iteration is None
    assert sample.remaining_bytes is None


def test_types_there_and_back():
    for state in JobState:
        back = to_sample({"type": job_type(state)}, 0).state
        assert back is state


def test_an_unknown_type_is_no_job():
    assert to_sample({"type": 99}, 0).state is JobState.NONE
    assert to_sample({}, 0).state is JobState.NONE


@given(
    st.dictionaries(
        st.sampled_from(sorted(RUNNING)),
        st.none() | st.integers() | st.floats() | st.text() | st.booleans(),
    )
)
def test_garbage_is_never_a_number(stats):
    sample = to_sample(stats, 0)
    for name, value in vars(sample).items():
        if name not in ("t_s", "state") and value is not None:
            assert value >= 0
