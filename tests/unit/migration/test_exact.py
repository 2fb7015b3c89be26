import pytest

from nova_livemig_gpu.migration.exact import any_verdict, verdict
from nova_livemig_gpu.model import Compatibility, VgpuMetadata

LIVE = Compatibility(True, "live")
COLD = Compatibility(False, "host driver too old", limits=("host_driver",))
UNKNOWN = Compatibility(None, "NVML hung")
META = VgpuMetadata((b"a",))


def decide(metadata=META, wanted=1, gpus=("g1",), answers=LIVE):
    table = answers if isinstance(answers, dict) else {}

    def ask(blob, gpu):
        return table.get((blob, gpu), answers)

    return verdict(metadata, wanted, gpus, ask)


def test_live_is_compatible():
    assert decide().compatible is True


def test_anything_but_live_is_not_and_says_why():
    found = decide(answers=COLD)
    assert found.compatible is False
    assert "g1" in found.reason and "host driver" in found.reason


@pytest.mark.parametrize(
    "case",
    [
        {"metadata": VgpuMetadata(None, "timeout")},
        {"wanted": 2},
        {"metadata": VgpuMetadata(())},
        {"gpus": ()},
        {"answers": UNKNOWN},
    ],
)
def test_what_is_not_known_is_never_compatible(case):
    found = decide(**case)
    assert found.compatible is None
    assert found.reason


TWO = VgpuMetadata((b"a", b"b"))


def two(a1, b1, a2, b2):
    """Decide on vGPUs a and b, to which g1 and g2 have been claimed."""
    pairs = ((b"a", "g1"), (b"b", "g1"), (b"a", "g2"), (b"b", "g2"))
    answers = dict(zip(pairs, (a1, b1, a2, b2), strict=True))
    return decide(TWO, 2, ("g1", "g2"), answers)


@pytest.mark.parametrize(
    "answers",
    [
        (COLD, LIVE, COLD, LIVE),  # a goes nowhere
        (LIVE, LIVE, COLD, COLD),  # g2 takes none
        (COLD, COLD, COLD, COLD),
        (COLD, UNKNOWN, COLD, UNKNOWN),
    ],
)
def test_where_one_has_no_place_it_is_refused(answers):
    found = two(*answers)
    assert found.compatible is False and "host driver" in found.reason


@pytest.mark.parametrize(
    "answers",
    [
        (LIVE, COLD, COLD, LIVE),  # each has its own
        (LIVE, LIVE, COLD, LIVE),
        (LIVE, UNKNOWN, COLD, LIVE),
    ],
)
def test_what_may_fit_is_not_refused(answers):
    found = two(*answers)
    assert found.compatible is None
    assert "which vGPU comes to which GPU" in found.reason


def test_where_all_fit_everywhere_it_is_live():
    assert two(LIVE, LIVE, LIVE, LIVE).compatible is True
    assert two(LIVE, LIVE, UNKNOWN, LIVE).compatible is None


def first(gpus, answers, metadata=META, wanted=1):
    def ask(blob, gpu):
        return answers[gpu]

    return any_verdict(metadata, wanted, gpus, ask)


def test_before_a_claim_one_fit_gpu_is_enough():
    answers = {"g1": COLD, "g2": UNKNOWN, "g3": LIVE}
    assert first(("g1", "g2", "g3"), answers).compatible is True
    assert first(("g1", "g2"), answers).compatible is None
    found = first(("g1",), answers)
    assert found.compatible is False and "host driver" in found.reason


def test_before_a_claim_what_is_not_known_is_not_compatible():
    assert first((), {}).compatible is None
    assert first(("g1",), {"g1": LIVE}, wanted=2).compatible is None
    nothing = VgpuMetadata(None, "timeout")
    assert first(("g1",), {"g1": LIVE}, nothing).compatible is None


def test_before_a_claim_two_vgpus_may_come_to_two_gpus():
    """Two types of which no GPU has both."""

    def ask(blob, gpu):
        return LIVE if (blob, gpu) in {(b"a", "g1"), (b"b", "g2")} else COLD

    assert any_verdict(TWO, 2, ("g1", "g2"), ask).compatible is True
    assert any_verdict(TWO, 2, ("g1",), ask).compatible is False
