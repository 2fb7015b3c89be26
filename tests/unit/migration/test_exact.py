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


def test_one_no_among_many_refuses():
    answers = {
        (b"a", "g1"): LIVE,
        (b"b", "g1"): UNKNOWN,
        (b"a", "g2"): COLD,
        (b"b", "g2"): LIVE,
    }
    found = decide(VgpuMetadata((b"a", b"b")), 2, ("g1", "g2"), answers)
    assert found.compatible is False and "g2" in found.reason


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
