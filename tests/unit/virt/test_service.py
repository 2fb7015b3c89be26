"""What may keep nova-compute from starting, and what may not."""

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nova.conf
import pytest
from nova.virt.libvirt import driver as libvirt_driver

from nova_livemig_gpu import conf as own_conf
from nova_livemig_gpu.exception import InvalidOption
from nova_livemig_gpu.gpu import loader
from nova_livemig_gpu.gpu.choice import BackendChoice, Candidate
from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.gpu.sysfs import SysfsBackend
from nova_livemig_gpu.virt import driver as module
from nova_livemig_gpu.virt import service
from nova_livemig_gpu.virt.driver import LibvirtDriver
from tests import builders_facts as build

CONF = nova.conf.CONF


def _broken(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("broken")


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Start a driver over an nova.conf of these lines."""
    monkeypatch.setattr(
        libvirt_driver.LibvirtDriver, "__init__", lambda self, *args: None
    )
    monkeypatch.setattr(loader, "load", lambda bound_s: NullBackend())

    def start_it(**options: Any) -> LibvirtDriver:
        lines = [f"{name} = {value}" for name, value in options.items()]
        file = tmp_path / "nova.conf"
        file.write_text("\n".join(["[livemig_gpu]", *lines]))
        own_conf.register_opts(CONF)
        CONF(args=[], default_config_files=[str(file)], project="nova")
        return LibvirtDriver(None)

    yield start_it
    CONF.reset()


def test_it_starts(start: Any, tmp_path: Path, caplog: Any) -> None:
    driver = start(state_dir=tmp_path)
    assert type(driver) is LibvirtDriver
    assert not [r for r in caplog.records if r.levelname == "ERROR"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("policy", "no-such"),
        ("max_downtime_ms", "3"),
        ("max_downtime_ms", "soon"),
        ("image_properties", "nonsense"),
    ],
)
def test_a_wrong_option_stops_it(
    name: str, value: str, start: Any, tmp_path: Path
) -> None:
    with pytest.raises(InvalidOption, match=name):
        start(state_dir=tmp_path, **{name: value})


def _of_file(path: Path) -> Path:
    path.write_text("a file")
    return path / "below"


def _corrupt(path: Path) -> Path:
    (path / "history.sqlite3").write_bytes(b"no database at all" * 100)
    (path / "records").mkdir()
    (path / "records" / "m1.json").write_text("{")
    return path


@pytest.mark.parametrize(
    "state",
    [
        lambda path: _of_file(path / "f"),
        _corrupt,
        lambda path: Path("/proc/livemig"),
    ],
)
def test_a_bad_state_directory_does_not(
    state: Any, start: Any, tmp_path: Path
) -> None:
    driver = start(state_dir=state(tmp_path))
    assert type(driver) is LibvirtDriver
    driver._interrupted.close()
    assert driver._steering.stun_of("u1", (), build.a_host()) is None


def test_a_locked_history_does_not(start: Any, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "history.sqlite3")
    other.execute("CREATE TABLE other (x)")
    other.execute("BEGIN EXCLUSIVE")
    driver = start(state_dir=tmp_path)
    assert type(driver) is LibvirtDriver
    other.close()


def test_a_broken_gpu_backend_does_not(
    start: Any, monkeypatch: Any, tmp_path: Path, caplog: Any
) -> None:
    monkeypatch.setattr(loader, "load", _broken)
    driver = start(state_dir=tmp_path)
    assert type(driver) is LibvirtDriver
    assert isinstance(driver._publisher._gpus, NullBackend)
    assert "broken" in caplog.text


@pytest.mark.parametrize("odd", ["file", "loop", "nothing"])
def test_an_odd_sysfs_does_not(odd: str, tmp_path: Path) -> None:
    bus = tmp_path / "class"
    if odd == "file":
        bus.write_text("x")
    elif odd == "loop":
        bus.symlink_to(bus)
    candidate = Candidate("sysfs", SysfsBackend(tmp_path))
    assert list(BackendChoice([candidate], 5.0).devices() or ()) == []


@pytest.mark.parametrize(
    "part",
    [
        "Steering",
        "Outbound",
        "Mdevs",
        "Publisher",
        "HostChecks",
        "Interrupted",
        "service",
    ],
)
def test_any_other_fault_leaves_novas_own_driver(
    part: str, start: Any, monkeypatch: Any, tmp_path: Path, caplog: Any
) -> None:
    if part == "service":
        monkeypatch.setattr(service, "make", _broken)
    else:
        monkeypatch.setattr(module, part, _broken)
    driver = start(state_dir=tmp_path)
    assert type(driver) is libvirt_driver.LibvirtDriver
    assert "Nova's own libvirt driver" in caplog.text
    assert "broken" in caplog.text


def _of(state_dir: Path) -> Any:
    options = SimpleNamespace(state_dir=str(state_dir))
    return SimpleNamespace(options=SimpleNamespace(read=lambda: options))


def test_a_state_dir_that_all_may_enter_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o755)
    service.look_at_modes(_of(tmp_path))
    (record,) = caplog.records
    assert "0755" in record.getMessage() and "chmod" in record.getMessage()


@pytest.mark.parametrize("mode", [0o750, 0o700])
def test_one_for_nova_and_its_group_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    tmp_path.chmod(mode)
    service.look_at_modes(_of(tmp_path))
    service.look_at_modes(_of(tmp_path / "not there yet"))
    assert caplog.records == []
