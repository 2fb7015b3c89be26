"""Codes are frozen; what options make of them."""

import re
from pathlib import Path

import pytest

import nova_livemig_gpu.scheduler
from nova_livemig_gpu.conf.scheduler import Rules
from nova_livemig_gpu.scheduler.verdict import (
    ACCEPTED,
    OPTIONS,
    REFUSALS,
    Treatment,
    Verdict,
    treat,
    worst,
)

FITS = {"cpu.ok", "vgpu.ok", "vgpu.none_needed"}


def test_every_code_in_the_sources_is_known() -> None:
    """And no known one has gone: operators' scripts know them."""
    used = set()
    for path in Path(nova_livemig_gpu.scheduler.__file__).parent.glob("*.py"):
        text = path.read_text().replace("_ORDER = (", "\0").split("\0")[0]
        used |= set(re.findall(r'"((?:cpu|vgpu)\.[a-z_]+)"', text))
    assert used == FITS | REFUSALS | ACCEPTED | set(OPTIONS)


@pytest.mark.parametrize("code", sorted(OPTIONS))
@pytest.mark.parametrize("value", ["allow", "warn", "refuse"])
def test_the_option_decides_what_is_unknown(code: str, value: str) -> None:
    rules = Rules(**{OPTIONS[code]: value})
    assert treat(Verdict(code, None, ""), rules) is Treatment(value)


@pytest.mark.parametrize("code", sorted(ACCEPTED))
def test_what_the_servers_settings_accept_is_told(code: str) -> None:
    assert treat(Verdict(code, None, ""), Rules()) is Treatment.TAKE_ALOUD


def test_what_is_known_no_option_changes() -> None:
    assert treat(Verdict("cpu.ok", True, ""), Rules()) is Treatment.TAKE
    lax = Rules(unknown_cpu="allow", unknown_facts="allow")
    refused = Verdict("vgpu.type", False, "")
    assert treat(refused, lax) is Treatment.REFUSE


def test_the_worst_finding() -> None:
    rules = Rules(unknown_board="refuse", unknown_gpu_mode="warn")
    ecc = Verdict("vgpu.ecc_unknown", None, "")
    board = Verdict("vgpu.board_unknown", None, "")
    no = Verdict("vgpu.mig", False, "")
    fits = Verdict("vgpu.ok", True, "")
    assert worst([], rules) is None
    assert worst([fits, ecc, board], rules) is board
    assert worst([ecc, board, no], rules) is no
    assert worst([fits, ecc], Rules(unknown_gpu_mode="allow")) is ecc
    stun = Verdict("vgpu.stun_accepted", None, "")
    assert worst([stun, board], rules) is board
    assert worst([fits, stun], rules) is stun
