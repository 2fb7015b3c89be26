"""Each finding of the vGPU check."""

from dataclasses import replace
from typing import Any

import pytest

from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.model import GpuDevice, HostFacts, VgpuKind
from nova_livemig_gpu.scheduler import vgpu_check
from nova_livemig_gpu.scheduler.needs import ServerNeeds
from nova_livemig_gpu.scheduler.verdict import Treatment, Verdict, treat
from tests import builders_facts as builders

STRICT = Rules(
    driver_match="equal",
    board_match="part",
    gpu_mode_match="equal",
    unknown_gpu_mode="refuse",
    unknown_migratable="refuse",
    unknown_capacity="refuse",
)


def judge(
    facts: HostFacts, needs: ServerNeeds, rules: Rules = STRICT
) -> Verdict:
    view = builders.view(facts)
    return vgpu_check.plan(view.base, needs, rules).check(view.totals)


def between(
    there: GpuDevice, here: GpuDevice | None = None, **rules: Any
) -> tuple[str, bool | None]:
    """Return what is said of a host with one GPU."""
    needs = builders.gpu_needs(here or builders.a_gpu())
    host = builders.a_host(gpus=(there,))
    verdict = judge(host, needs, replace(STRICT, **rules))
    return verdict.code, verdict.ok


a_gpu = builders.a_gpu
OTHER_NAME = builders.a_type(1, name="NVIDIA H100-1Q")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "vgpu.ok"),
        ({"kind": VgpuKind.VF}, "vgpu.kind"),
        ({"kind": None}, "vgpu.kind"),
        ({"types": ()}, "vgpu.type"),
        ({"types": (builders.a_type(2),)}, "vgpu.type"),
        ({"types": (OTHER_NAME,)}, "vgpu.type"),
        ({"board": "692-2G520-0205-000"}, "vgpu.board"),
        ({"driver": "570.172.08"}, "vgpu.driver"),
        ({"vgpu_manager": "570.172.08"}, "vgpu.driver"),
        ({"ecc": False}, "vgpu.ecc"),
        ({"mig": True}, "vgpu.mig"),
        ({"vgpu_mode": "non_sriov"}, "vgpu.mode"),
        ({"migratable": False}, "vgpu.not_migratable"),
        ({"types": (builders.a_type(1, creatable=0),)}, "vgpu.full"),
    ],
)
def test_findings(changes: dict[str, Any], code: str) -> None:
    assert between(a_gpu(**changes)) == (code, code == "vgpu.ok")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"board": None, "pci_ids": None}, "vgpu.board_unknown"),
        ({"driver": None}, "vgpu.driver_unknown"),
        ({"ecc": None}, "vgpu.ecc_unknown"),
        ({"mig": None}, "vgpu.mig_unknown"),
        ({"vgpu_mode": None}, "vgpu.mode_unknown"),
        (
            {"migratable": None, "streaming": None},
            "vgpu.migratable_unknown",
        ),
    ],
)
def test_unknown_at_either_end(changes: dict[str, Any], code: str) -> None:
    assert between(a_gpu(**changes)) == (code, None)
    assert between(a_gpu(), a_gpu(**changes)) == (code, None)


def test_unknown_room() -> None:
    types = (builders.a_type(1, creatable=None),)
    code = between(a_gpu(types=types))
    assert code == ("vgpu.capacity_unknown", None)


def test_a_mode_that_neither_end_has_is_equal() -> None:
    gpu = a_gpu(ecc=None, mig=None, vgpu_mode=None)
    assert between(gpu, gpu) == ("vgpu.ok", True)


@pytest.mark.parametrize(
    ("name", "memory_mib"),
    [
        ("NVIDIA H200", 143771),
        ("NVIDIA H800", 81559),
        ("NVIDIA H100 NVL", 95830),
        ("NVIDIA H100 PCIe", 81559),
    ],
)
@pytest.mark.parametrize("match", ["part", "model"])
def test_other_boards(name: str, memory_mib: int, match: str) -> None:
    there = a_gpu(name=name, memory_mib=memory_mib, board=f"part of {name}")
    assert between(there, board_match=match) == ("vgpu.board", False)


@pytest.mark.parametrize(
    ("there", "here", "code"),
    [
        # (part number, PCI IDs): the part number decides where both tell it
        (("a", "1"), ("a", "1"), "vgpu.ok"),
        (("a", "1"), ("b", "1"), "vgpu.board"),
        (("a", "1"), ("a", "2"), "vgpu.ok"),
        # one host with NVML, the other without
        ((None, "1"), ("a", "1"), "vgpu.ok"),
        ((None, "2"), ("a", "1"), "vgpu.board"),
        (("a", "1"), (None, "1"), "vgpu.ok"),
        (("a", "1"), (None, "2"), "vgpu.board"),
        ((None, "1"), (None, "1"), "vgpu.ok"),
        # nothing alike
        (("a", None), (None, "1"), "vgpu.board_unknown"),
        ((None, "1"), ("a", None), "vgpu.board_unknown"),
        ((None, None), ("a", "1"), "vgpu.board_unknown"),
    ],
)
def test_only_like_is_compared_with_like(
    there: tuple[str | None, str | None],
    here: tuple[str | None, str | None],
    code: str,
) -> None:
    ends = [a_gpu(board=b, pci_ids=ids) for b, ids in (there, here)]
    assert between(*ends)[0] == code


def test_board_by_model() -> None:
    there = a_gpu(board="another revision")
    assert between(there, board_match="model") == ("vgpu.ok", True)
    there = a_gpu(memory_mib=None)
    code = between(there, board_match="model")
    assert code == ("vgpu.board_unknown", None)


@pytest.mark.parametrize(
    ("match", "there", "ok"),
    [
        ("equal", "570.158.02", True),
        ("equal", "570.158.3", False),
        ("branch", "570.999", True),
        ("branch", "575.1", False),
        ("not_older", "580.1", True),
        ("not_older", "570.158.1", False),
        ("any", "390", True),
    ],
)
def test_drivers(match: str, there: str, ok: bool) -> None:
    gpu = a_gpu(driver=there, vgpu_manager=None)
    assert between(gpu, driver_match=match)[1] is ok


DIFFERENT = pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"board": "900-21010-0040-000"}, "vgpu.board_differs"),
        ({"driver": "570.172.08"}, "vgpu.driver_differs"),
        ({"ecc": False}, "vgpu.ecc_differs"),
        ({"mig": True}, "vgpu.mig_differs"),
        ({"vgpu_mode": "non_sriov"}, "vgpu.mode_differs"),
    ],
)
UNKNOWN = pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"board": None, "pci_ids": None}, "vgpu.board_unknown"),
        ({"driver": None}, "vgpu.driver_unknown"),
        ({"ecc": None}, "vgpu.ecc_unknown"),
        ({"mig": None}, "vgpu.mig_unknown"),
        ({"vgpu_mode": None}, "vgpu.mode_unknown"),
    ],
)


def by_default(there: GpuDevice, here: GpuDevice) -> Verdict:
    host = builders.a_host(gpus=(there,))
    return judge(host, builders.gpu_needs(here), Rules())


@DIFFERENT
def test_where_nvml_can_be_asked_it_decides(
    changes: dict[str, Any], code: str
) -> None:
    """A rolling upgrade, 570.158 to 570.172, must drain."""
    assert by_default(a_gpu(**changes), a_gpu()).ok is True
    assert by_default(a_gpu(), a_gpu(**changes)).ok is True


@UNKNOWN
def test_what_nvml_will_judge_need_not_be_known(
    changes: dict[str, Any], code: str
) -> None:
    assert by_default(a_gpu(**changes), a_gpu()).ok is True


@DIFFERENT
@pytest.mark.parametrize("without", ["there", "here", "both"])
def test_without_nvml_a_difference_is_unknown(
    changes: dict[str, Any], code: str, without: str
) -> None:
    """And the option decides what becomes of it: by default, as Nova does."""
    there, here = a_gpu(**changes), a_gpu()
    if without in ("there", "both"):
        there = replace(there, vgpu_manager=None)
    if without in ("here", "both"):
        here = replace(here, vgpu_manager=None)
    verdict = by_default(there, here)
    assert (verdict.code, verdict.ok) == (code, None)
    assert treat(verdict, Rules()) is Treatment.TAKE_ALOUD
    strict = Rules(
        unknown_board="refuse",
        unknown_driver="refuse",
        unknown_gpu_mode="refuse",
    )
    assert treat(verdict, strict) is Treatment.REFUSE


@UNKNOWN
def test_without_nvml_the_unknown_is_taken_aloud(
    changes: dict[str, Any], code: str
) -> None:
    verdict = by_default(a_gpu(**changes, vgpu_manager=None), a_gpu())
    assert (verdict.code, verdict.ok) == (code, None)
    assert treat(verdict, Rules()) is Treatment.TAKE_ALOUD


@pytest.mark.parametrize(
    ("there", "here", "same"),
    [
        # NVIDIA renamed its types between releases
        ("NVIDIA A40-8Q", "GRID A40-8Q", True),
        ("GRID P40-8C", "GRID P40-8C", True),
        # of a virtual function that has its type sysfs tells the number only
        ("nvidia-1", "NVIDIA A40-8Q", True),
        ("NVIDIA A40-8Q", "nvidia-1", True),
        ("nvidia-1", "nvidia-1", True),
        ("", "NVIDIA A40-8Q", True),
        # one number, two types
        ("NVIDIA A40-8Q", "NVIDIA A40-8C", False),
        ("GRID A40-8Q", "NVIDIA A40-4Q", False),
    ],
)
def test_names_of_a_type(there: str, here: str, same: bool) -> None:
    ends = (
        a_gpu(types=(builders.a_type(1, name=name),)) for name in (there, here)
    )
    code = by_default(*ends).code
    assert code == ("vgpu.ok" if same else "vgpu.type")


@pytest.mark.parametrize(
    ("changes", "count", "code"),
    [
        ({"creatable": 0, "idle": 1}, 1, "vgpu.ok"),
        ({"creatable": 0, "idle": 1}, 2, "vgpu.full"),
        ({"creatable": 1, "idle": 1}, 2, "vgpu.ok"),
        ({"creatable": None, "idle": 1}, 1, "vgpu.ok"),
        ({"creatable": None, "idle": 1}, 2, "vgpu.capacity_unknown"),
        # libvirt could not be asked which of them are idle
        ({"creatable": 0, "idle": None}, 1, "vgpu.capacity_unknown"),
        ({"creatable": 2, "idle": None}, 1, "vgpu.ok"),
        ({"creatable": 0, "idle": 0}, 1, "vgpu.full"),
        ({"creatable": 1, "or_more": True, "idle": 2}, 1, "vgpu.ok"),
    ],
)
def test_idle_vgpus_are_room(
    changes: dict[str, Any], count: int, code: str
) -> None:
    gpu = a_gpu(types=(builders.a_type(1, **changes),))
    needs = builders.gpu_needs(a_gpu(), count)
    assert judge(builders.a_host(gpus=(gpu,)), needs).code == code


def test_an_idle_vgpu_of_another_type_is_no_room() -> None:
    """It has the whole card: Nova itself cannot use it for this server."""
    types = (
        builders.a_type(1, creatable=0),
        builders.a_type(2, creatable=0, idle=1),
    )
    assert between(a_gpu(types=types)) == ("vgpu.full", False)


def test_an_sriov_vf_is_treated_alike() -> None:
    gpu = a_gpu(kind=VgpuKind.VF, types=(builders.a_type(1, type_id="1132"),))
    assert between(gpu, gpu) == ("vgpu.ok", True)
    full = replace(gpu, types=(replace(gpu.types[0], creatable=0),))
    assert between(full, gpu) == ("vgpu.full", False)


VF = {"kind": VgpuKind.VF, "vgpu_manager": None}


@pytest.mark.parametrize(
    ("there", "code"),
    [
        # full of others: what it could make otherwise the kernel does not say
        ({**VF, "types": (builders.a_type(2, creatable=0),)}, "vgpu.full"),
        ({**VF, "types": ()}, "vgpu.full"),
        # the same number, another name
        ({**VF, "types": (OTHER_NAME,)}, "vgpu.type"),
        # NVML, or an mdev's parent, lists all types
        ({**VF, "vgpu_manager": "570.1", "types": ()}, "vgpu.type"),
        ({**VF, "kind": VgpuKind.MDEV, "types": ()}, "vgpu.type"),
    ],
)
def test_what_virtual_functions_do_not_offer_now(
    there: dict[str, Any], code: str
) -> None:
    here = a_gpu(kind=there["kind"], vgpu_manager=None)
    assert by_default(a_gpu(**there), here).code == code


def test_a_parent_that_is_no_pci_device() -> None:
    """mtty: no board, no driver version; its name is what it is."""
    kind = VgpuKind.MDEV
    types = (builders.a_type(1, type_id="mtty-1", name="Single port serial"),)
    mtty = GpuDevice("mtty", "mtty", kind, migratable=True, types=types)
    assert between(mtty, mtty) == ("vgpu.ok", True)
    other = replace(mtty, address="mdpy", name="mdpy")
    assert between(other, mtty) == ("vgpu.board", False)


def test_no_vgpu_needed_fits_anywhere() -> None:
    needs = builders.needs(vgpus=())
    for gpus in (None, ()):
        verdict = judge(builders.a_host(gpus=gpus), needs)
        assert (verdict.code, verdict.ok) == ("vgpu.none_needed", True)


def test_hosts_without_gpus() -> None:
    needs = builders.needs()
    verdict = judge(builders.a_host(gpus=()), needs)
    assert (verdict.code, verdict.ok) == ("vgpu.no_gpu", False)
    verdict = judge(builders.a_host(gpus=None), needs)
    assert (verdict.code, verdict.ok) == ("vgpu.unknown", None)


def test_a_server_of_which_nothing_is_known() -> None:
    needs = builders.needs(vgpus=None, vgpus_unknown="why")
    verdict = judge(builders.a_host(), needs)
    assert (verdict.code, verdict.reason) == ("vgpu.server_unknown", "why")


def test_of_several_gpus_one_that_fits_is_enough() -> None:
    gpus = (
        a_gpu("0000:01:00.0", board="other"),
        a_gpu("0000:02:00.0", ecc=None),
        a_gpu("0000:03:00.0"),
    )
    assert judge(builders.a_host(gpus=gpus), builders.needs()).ok is True


def test_a_doubtful_gpu_is_used_when_the_good_one_is_full() -> None:
    full = (builders.a_type(1, creatable=0),)
    gpus = (a_gpu("0000:01:00.0", ecc=None), a_gpu(types=full))
    host = builders.a_host(gpus=gpus)
    rules = Rules(gpu_mode_match="equal", unknown_gpu_mode="warn")
    verdict = judge(host, builders.needs(), rules)
    assert (verdict.code, verdict.ok) == ("vgpu.ecc_unknown", None)


def test_the_nearest_gpu_is_named() -> None:
    gpus = (a_gpu("0000:01:00.0", board="x"), a_gpu(ecc=False))
    verdict = judge(builders.a_host(gpus=gpus), builders.needs())
    assert verdict.code == "vgpu.ecc"
    assert "ECC of NVIDIA H100 80GB HBM3 is off" in verdict.reason
    assert "needs on" in verdict.reason


def test_several_vgpus_need_room_together() -> None:
    one = (builders.a_type(1, creatable=1),)
    gpus = tuple(a_gpu(f"0000:0{number}:00.0", types=one) for number in (1, 2))
    host = builders.a_host(gpus=gpus)
    assert judge(host, builders.gpu_needs(a_gpu(), 2)).ok is True
    verdict = judge(host, builders.gpu_needs(a_gpu(), 3))
    assert verdict.code == "vgpu.full"
    assert "room for 2 of NVIDIA H100-1C, the server needs 3" in verdict.reason


def test_two_kinds_of_vgpus() -> None:
    first = builders.gpu_needs(a_gpu()).vgpus
    second = builders.gpu_needs(a_gpu(board="y")).vgpus
    assert first and second
    needs = builders.needs(vgpus=first + second)
    host = builders.a_host(gpus=(a_gpu(), a_gpu("0000:9:0.0", board="y")))
    assert judge(host, needs).ok is True
    verdict = judge(builders.a_host(), needs)
    assert verdict.code == "vgpu.board"


AT_LEAST_ONE = (builders.a_type(1, creatable=1, or_more=True),)
NOBODY_KNOWS = (builders.a_type(1, creatable=None),)


@pytest.mark.parametrize(
    ("types", "count", "code", "room"),
    [
        (AT_LEAST_ONE, 1, "vgpu.ok", ""),
        (AT_LEAST_ONE, 2, "vgpu.capacity_unknown", "room for 1 or more of"),
        (NOBODY_KNOWS, 1, "vgpu.capacity_unknown", "an unknown number of"),
    ],
)
@pytest.mark.parametrize("option", ["refuse", "allow", "warn"])
def test_beyond_what_is_certain_the_option_decides(
    types: Any, count: int, code: str, room: str, option: str
) -> None:
    """The kernel says of free virtual functions that one more fits."""
    rules = Rules(unknown_capacity=option)
    host = builders.a_host(gpus=(a_gpu(types=types),))
    verdict = judge(host, builders.gpu_needs(a_gpu(), count), rules)
    assert verdict.code == code and room in verdict.reason
    if code != "vgpu.ok":
        assert verdict.ok is None
        assert treat(verdict, rules) is Treatment(option)


def test_what_is_certain_of_several_gpus_adds_up() -> None:
    gpus = (
        a_gpu("0000:01:00.0", types=AT_LEAST_ONE),
        a_gpu("0000:02:00.0", types=AT_LEAST_ONE),
        a_gpu("0000:03:00.0", types=NOBODY_KNOWS),
    )
    host = builders.a_host(gpus=gpus)
    assert judge(host, builders.gpu_needs(a_gpu(), 2)).ok is True
    verdict = judge(host, builders.gpu_needs(a_gpu(), 3))
    assert (verdict.code, verdict.ok) == ("vgpu.capacity_unknown", None)
    assert "room for 2 or more of" in verdict.reason
