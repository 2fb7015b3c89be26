"""Metadata of one host, judged on another, by the library's verdict."""

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.gpu import nvml_metadata, nvml_verdict
from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.gpu.nvml_metadata import VgpuMetadata
from nova_livemig_gpu.model import Compatibility
from tests.nvml import stand_in
from tests.nvml.host import Host

SERVER = "5c2dbcd1-6c0a-4a0c-9d38-1f6e3e3c3a11"


@pytest.fixture
def source(library: Path, tmp_path: Path) -> Host:
    (tmp_path / "source").mkdir()
    return Host(library, tmp_path / "source")


def metadata(source: Host, **vgpu: Any) -> bytes:
    description = stand_in.load("h100")
    description["gpu"][0]["vgpu"][0].update(vgpu)
    found, _ = source.ask(
        description, f"result = backend.vgpu_metadata({SERVER.upper()!r})"
    )
    (raw,) = found
    assert isinstance(raw, bytes)
    return raw


def judge(
    destination: Host, description: dict[str, Any], raw: bytes, gpu: str = ""
) -> Compatibility:
    verdict, warnings = destination.ask(
        description, f"result = backend.compatibility({raw!r}, {gpu!r})"
    )
    assert warnings == []
    assert isinstance(verdict, Compatibility)
    return verdict


def test_it_fits(source: Host, host: Host) -> None:
    verdict = judge(
        host, stand_in.load("h100-575"), metadata(source), "0000:17:00.0"
    )
    assert verdict.live is True
    assert verdict.vm_states == ("cold", "hibernate", "sleep", "live")
    assert verdict.limits == ()


def test_another_board(source: Host, host: Host) -> None:
    verdict = judge(
        host, stand_in.load("a40"), metadata(source), "0000:41:00.0"
    )
    assert (verdict.live, verdict.limits) == (False, ("gpu",))
    assert verdict.vm_states == ()
    assert "another GPU" in verdict.reason


def test_another_driver(source: Host, host: Host) -> None:
    description = stand_in.load("h100-575")
    description["accepts_min"] = 575
    verdict = judge(host, description, metadata(source), "0000:17:00.0")
    assert (verdict.live, verdict.limits) == (False, ("host_driver",))
    assert "could go on there from: cold" in verdict.reason


def test_the_driver_in_the_guest(source: Host, host: Host) -> None:
    description = stand_in.load("h100-575")
    description["range_min"] = 0x16
    verdict = judge(host, description, metadata(source), "0000:17:00.0")
    assert (verdict.live, verdict.limits) == (False, ("guest_driver",))


def test_a_guest_that_has_not_started_its_driver(
    source: Host, host: Host
) -> None:
    verdict = judge(
        host,
        stand_in.load("h100-575"),
        metadata(source, guest_known=0),
        "0000:17:00.0",
    )
    assert (verdict.live, verdict.limits) == (None, ("guest_driver",))


def test_two_limits(source: Host, host: Host) -> None:
    description = stand_in.load("h100-575")
    description["gpu"][0]["migratable"] = 0
    description["accepts_max"] = 569
    verdict = judge(host, description, metadata(source), "0000:17:00.0")
    assert verdict.live is False
    assert verdict.limits == ("host_driver", "other")


def test_no_such_gpu_here(source: Host, host: Host) -> None:
    verdict = judge(
        host, stand_in.load("h100-575"), metadata(source), "0000:99:00.0"
    )
    assert verdict.live is None
    assert "Not Found" in verdict.reason


def test_metadata_that_are_cut_off(source: Host, host: Host) -> None:
    """Never given to the library, which would read past their end."""
    raw = metadata(source)
    for cut in (raw[:-1], raw[:207], b""):
        verdict = judge(host, stand_in.load("h100-575"), cut, "0000:17:00.0")
        assert verdict.live is None
        assert "not readable" in verdict.reason


def test_metadata_that_nvml_does_not_know(source: Host, host: Host) -> None:
    raw = metadata(source).replace(b"STANDIV", b"UNKNOWN")
    verdict = judge(host, stand_in.load("h100-575"), raw, "0000:17:00.0")
    assert verdict.live is None


def test_a_server_without_vgpus(host: Host) -> None:
    other = "00000000-0000-0000-0000-000000000000"
    found, _ = host.ask(
        stand_in.load("h100"), f"result = backend.vgpu_metadata({other!r})"
    )
    assert list(found) == []


def test_a_host_without_nvml() -> None:
    assert NullBackend().vgpu_metadata(SERVER) == ()
    assert NullBackend().compatibility(b"", "").live is None


@given(st.binary(max_size=600))
def test_any_bytes_are_read_or_not(raw: bytes) -> None:
    """And what is read lies within them."""
    if nvml_metadata.vgpu(raw) is not None:
        assert struct.unpack_from("=I", raw, 204)[0] <= len(raw) - 208
    if nvml_metadata.pgpu(raw) is not None:
        assert struct.unpack_from("=I", raw, 120)[0] <= len(raw) - 124


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.booleans())
def test_live_only_where_nvml_says_so(
    vm: int, limit: int, guest_known: bool
) -> None:
    known = VgpuMetadata(guest_known, None, None, True)
    verdict = nvml_verdict.decide(vm, limit, known)
    assert (verdict.live is True) == bool(vm & 8)
    assert verdict.reason
