"""``nova-livemig-gpu predict``, as a shell sees it."""

import io
import json
import subprocess
import sys
import time
from types import SimpleNamespace

import libvirt
import pytest

from nova_livemig_gpu.cmd import main as command
from nova_livemig_gpu.cmd import predict_server
from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.history.store import History
from nova_livemig_gpu.model import GuestMemory, Surroundings
from nova_livemig_gpu.policies import limit
from nova_livemig_gpu.prediction.merge import Observed
from nova_livemig_gpu.prediction.stun import StunKey, StunSeen, VgpuUse
from nova_livemig_gpu.virt import dirtyrate, inquiry, measuring
from nova_livemig_gpu.virt.forecast import Forecaster
from nova_livemig_gpu.virt.foreseen import Asked
from tests import builders as values
from tests import builders_history as builders
from tests.simulated import FakeClock
from tests.simulated_guest import Connection, Domain

GB = 10**9
#: 1 GiB, a quarter of it zero, 10 MB/s written without end.
FILE = {
    "page_size": 4096,
    "sampled_pages": 1000,
    "zero_pages": 250,
    "total_pages": 262144,
    "period_ms": [1000, 10000],
    "dirty_pages": [10, 100],
}


@pytest.fixture(autouse=True)
def own_host(tmp_path, monkeypatch):
    """A host with an empty state directory."""
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n")
    return ["--config-file", str(conf)]


@pytest.fixture
def predict(own_host, capsys):
    def run(*words):
        try:
            status = command.main(["predict", *own_host, *map(str, words)])
        except SystemExit as exc:
            status = exc.code
        done = capsys.readouterr()
        return SimpleNamespace(status=status, out=done.out, err=done.err)

    return run


@pytest.fixture
def curve(tmp_path):
    def write(**changes):
        path = tmp_path / "curve.json"
        path.write_text(json.dumps({**FILE, **changes}))
        return ["--curve", path]

    return write


HOW = ["--bandwidth-bps", "400e6", "--max-downtime-ms", "300"]
JSON = ["--format", "json"]


def strict(text):
    def refuse(word):
        raise AssertionError(f"{word} is no JSON number")

    return json.loads(text, parse_constant=refuse)


def test_curve_as_json(predict, curve):
    done = predict(*curve(), *HOW, *JSON)
    assert done.status == 0 and not done.err
    found = strict(done.out)
    assert found["converges"] is True
    # 50 MB/s: 16.1 s, 3.5 s, 0.7 s, 0.16 s
    assert found["passes"] == 4
    assert found["total_s"] == pytest.approx(20.55, abs=0.05)
    assert 0 < found["downtime_ms"] <= 300
    assert found["bytes"] == pytest.approx(found["total_s"] * 50e6)
    assert isinstance(found["bytes"], int)


def test_what_never_ends_has_no_numbers(predict, curve):
    done = predict(*curve(dirty_pages=[100, 700]), *HOW, *JSON)
    found = strict(done.out)
    assert done.status == 0
    assert found["converges"] is False
    for name in ("total_s", "downtime_ms", "passes", "bytes"):
        assert found[name] is None
    assert found["why"] == "passes do not shrink"


def test_as_a_table(predict, curve):
    done = predict(*curve(), *HOW)
    assert "converges" in done.out and "yes" in done.out
    assert "20.5" in done.out


def test_from_standard_input(predict, monkeypatch):
    text = io.TextIOWrapper(io.BytesIO(json.dumps(FILE).encode()))
    monkeypatch.setattr(sys, "stdin", text)
    assert predict("--curve", "-", *HOW, *JSON).status == 0


def test_other_modes_and_models(predict, curve):
    found = {
        words: strict(predict(*curve(), *HOW, *words, *JSON).out)
        for words in (
            ("--mode", "postcopy", "--switch-ms", "90"),
            ("--mode", "hybrid"),
            ("--model", "qemu"),
            ("--model", "constant"),
        )
    }
    postcopy = found["--mode", "postcopy", "--switch-ms", "90"]
    assert postcopy["mode"] == "postcopy"
    assert postcopy["downtime_ms"] == 90
    assert all(each["converges"] for each in found.values())
    assert found["--model", "qemu"]["downtime_ms"] > 100


def test_what_comes_on_top(predict, curve):
    plain = strict(predict(*curve(), *HOW, *JSON).out)
    more = strict(
        predict(
            *curve(),
            *HOW,
            *("--overhead-ms", 30, "--queue-bytes", 1e6, "--disk-gb", 1),
            *("--framebuffer-gb", 8, "--gpu", "V100"),
            *JSON,
        ).out
    )
    extra = more["downtime_ms"] - plain["downtime_ms"]
    assert extra == pytest.approx(50 + more["stun_p50_ms"])
    assert more["disk_bytes"] == GB
    assert more["framebuffer_bytes"] == 8 * GB


def test_stun_of_vgpus(predict):
    done = predict("--framebuffer-gb", "8", "--gpu", "Tesla V100", *JSON)
    found = strict(done.out)
    assert found["stun_p50_ms"] == pytest.approx(12_000, rel=0.15)
    assert found["stun_p05_ms"] <= found["stun_p50_ms"]
    assert found["stun_p50_ms"] <= found["stun_p90_ms"]
    two = predict("--framebuffer-gb", "8,8", "--gpu", "Tesla V100", *JSON)
    assert strict(two.out)["stun_p50_ms"] > 1.9 * found["stun_p50_ms"]


def test_stun_over_a_link(predict, curve):
    vgpu = ("--framebuffer-gb", "80", "--gpu", "NVIDIA H100", *JSON)
    found = strict(predict(*vgpu, "--link-mbps", 100_000).out)
    assert found["stun_p05_ms"] >= 6400
    assert found["stun_p50_ms"] < 30_000
    assert strict(predict(*vgpu).out)["stun_p50_ms"] > 200_000
    limit = ("--max-downtime-ms", 300)
    by_bandwidth = predict(*curve(), *limit, "--bandwidth-bps", 1e11, *vgpu)
    assert strict(by_bandwidth.out)["stun_p50_ms"] == found["stun_p50_ms"]


def test_stun_learns_from_the_history(predict, tmp_path):
    key = StunKey("NVIDIA A40")
    history = History(tmp_path / "other.sqlite3")
    for n in range(8):
        one = StunSeen(key, (n + 1) * GB, 0.5 + 0.25 * (n + 1))
        history.add(builders.entry(n, stuns=(one,)))
    history.close()
    words = ["--framebuffer-gb", 4, "--gpu", "NVIDIA A40", *JSON]
    before = strict(predict(*words).out)
    after = strict(predict(*words, "--history", history.path).out)
    assert after["stun_p50_ms"] == pytest.approx(1500, rel=0.1)
    assert after["stun_p90_ms"] < before["stun_p90_ms"] / 10


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((), "--curve"),
        (("--bandwidth-bps", "0"), "--bandwidth-bps"),
        (("--bandwidth-bps", "-5"), "--bandwidth-bps"),
        (("--bandwidth-bps", "nan"), "--bandwidth-bps"),
        (("--bandwidth-bps", "inf"), "--bandwidth-bps"),
        (("--bandwidth-bps", "fast"), "--bandwidth-bps"),
        (("--max-downtime-ms", "-1"), "--max-downtime-ms"),
        (("--max-downtime-ms", "nan"), "--max-downtime-ms"),
        (("--framebuffer-gb", "8"), "--gpu"),
        (("--framebuffer-gb", "8,-1", "--gpu", "x"), "--framebuffer-gb"),
        (("--framebuffer-gb", "", "--gpu", "x"), "--framebuffer-gb"),
        (("--curve", "/nowhere", *HOW), "--curve"),
        (("--curve", "/", *HOW), "--curve"),
        (("--curve", "/dev/null", *HOW), "--curve"),
        (("--curve", "/dev/null", *HOW[:2]), "--max-downtime-ms"),
        (("--curve", "/dev/null", *HOW[2:]), "--bandwidth-bps"),
        (("--server", "nonsense"), "--server"),
        (("--server", "x", "--curve", "/dev/null", *HOW), "--server"),
        (("--server", "x", "--model", "constant"), "--model"),
        (("--link-mbps", "1.5"), "--link-mbps"),
        (("--mode", "sideways"), "--mode"),
        (("--format", "xml"), "--format"),
        (
            ("--history", "/nowhere", "--framebuffer-gb", "1", "--gpu", "x"),
            "--history",
        ),
    ],
)
def test_wrong_input_is_named(predict, words, named):
    done = predict(*words)
    assert done.status == 2
    assert f"argument {named}" in done.err
    assert not done.out


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"period_ms": [10, 5]}, "period_ms[1]"),
        ({"dirty_pages": [10, float("nan")]}, "dirty_pages[1]"),
        ({"dirty_pages": [-1, 5]}, "dirty_pages[0]"),
        ({"zero_pages": 1001}, "zero_pages"),
        ({"page_size": None}, "page_size"),
    ],
)
def test_the_wrong_field_of_a_curve_is_named(predict, curve, changes, field):
    done = predict(*curve(**changes), *HOW)
    assert done.status == 2
    assert "argument --curve" in done.err and field in done.err


def test_a_config_file_that_is_none(capsys, own_host):
    words = ["predict", "--config-file", "/nowhere", "--framebuffer-gb", "1"]
    assert command.main([*words, "--gpu", "x"]) == 2
    assert "argument --config-file" in capsys.readouterr().err


def test_a_wrong_option_in_the_config_file(predict, tmp_path):
    (tmp_path / "nova.conf").write_text("[livemig_gpu]\nmax_history = 1\n")
    done = predict("--framebuffer-gb", "1", "--gpu", "x")
    assert done.status == 2
    assert "max_history" in done.err


# ---- a server of this host


@pytest.fixture
def server(monkeypatch):
    """A server of 1 GiB on the host "one" without a device."""
    seen = {
        "look": inquiry.Look(
            builders.SERVER, "one", GuestMemory(196608, 65536)
        )
    }
    monkeypatch.setattr(inquiry, "look", lambda *args, **kwargs: seen["look"])
    monkeypatch.setattr(
        predict_server.loader, "load", lambda bound_s: NullBackend()
    )
    return seen


@pytest.fixture
def past(tmp_path):
    """A host that has migrated the server before."""
    history = History(tmp_path / "state/livemig_gpu/history.sqlite3")
    points = (Observed(1.0, 10e6, 1e10), Observed(10.0, 100e6, 1e10))
    for n in range(6):
        history.add(
            builders.entry(
                n,
                ended_at=time.time() - n,
                curve=points,
                bandwidth_bps=50e6 + n * 1e5,
                overhead_ms=30.0 + n,
            )
        )
    history.close()
    return history


def test_server_from_the_history(predict, server, past):
    words = ["--server", builders.SERVER, "--destination", "two", *JSON]
    done = predict(*words)
    assert done.status == 0, done.err
    found = strict(done.out)
    assert found["converges"]
    assert found["total_s"] == pytest.approx(20.6, abs=1.0)
    assert found["total_p90_s"] >= found["total_s"]
    assert 30 < found["downtime_ms"] < 500


def test_server_without_history_needs_a_bandwidth(predict, server):
    done = predict("--server", builders.SERVER)
    assert done.status == 2 and "argument --bandwidth-bps" in done.err
    done = predict("--server", builders.SERVER, *HOW, *JSON)
    found = strict(done.out)
    assert done.status == 0
    assert "no dirty curve" in found["why"]
    # the budget, the option's overhead in it
    assert 100 <= found["downtime_ms"] <= 300


def test_server_over_its_link_where_nothing_was_learnt(predict, server):
    words = ["--server", builders.SERVER, "--link-mbps", "400"]
    found = strict(predict(*words, *JSON).out)
    told = strict(predict(*words, "--bandwidth-bps", "4e8", *JSON).out)
    assert found["total_s"] == told["total_s"]
    assert any("at most, 400 Mbit/s" in each for each in found["rests_on"])
    assert any("QEMU's resident" in each for each in found["rests_on"])
    table = predict(*words).out
    assert "rests on" in table and "bandwidth: at most" in table


@pytest.fixture
def measurable(monkeypatch):
    """The server on a libvirt that can measure, on a fake clock."""
    clock = FakeClock()
    domain = Domain(clock)
    connection = Connection(domain)
    connection.lookupByUUIDString = lambda server: domain
    connection.close = lambda: None
    measure = dirtyrate.measure
    monkeypatch.setattr(
        dirtyrate,
        "measure",
        lambda *args: measure(*args, now=clock.now, sleep=clock.sleep),
    )
    monkeypatch.setattr(measuring.libvirt, "open", lambda uri: connection)
    return domain


def test_server_measured_now(predict, server, measurable):
    words = ["--server", builders.SERVER, "--measure", *HOW, *JSON]
    found = strict(predict(*words).out)
    assert measurable.periods
    assert any("measured points" in each for each in found["rests_on"])
    assert "idle" not in found["why"]


def test_the_throttle_that_would_do(predict, server, measurable):
    measurable.rate, measurable.most = 100, 400
    words = ["--server", builders.SERVER, "--measure", *HOW]
    found = strict(predict(*words, *JSON).out)
    assert not found["converges"] and 20 < found["throttle_percent"] <= 99
    assert "auto-converge needed" in predict(*words).out
    measurable.rate = 1
    assert "throttle_percent" not in strict(predict(*words, *JSON).out)


def test_a_server_that_migrates_is_not_measured(predict, server, measurable):
    measurable.job = libvirt.VIR_DOMAIN_JOB_UNBOUNDED
    done = predict("--server", builders.SERVER, "--measure", *HOW)
    assert done.status == 1 and "migration" in done.err
    assert measurable.periods == []


def test_nothing_to_measure(predict, server, monkeypatch):
    done = predict("--gpu", "x", "--framebuffer-gb", "1", "--measure")
    assert done.status == 2 and "--measure" in done.err

    def refuse(uri):
        raise libvirt.libvirtError("no libvirt here")

    monkeypatch.setattr(measuring.libvirt, "open", refuse)
    done = predict("--server", builders.SERVER, "--measure", *HOW)
    assert done.status == 1 and "no libvirt here" in done.err


def test_driver_and_command_agree(predict, server, past):
    """The same question, asked as the driver and as an operator do."""
    words = ["--server", builders.SERVER, "--destination", "two", *JSON]
    found = strict(predict(*words).out)
    look = server["look"]
    domain = Domain(FakeClock())
    domain.rss_kib = round(look.memory.normal_bytes / 1024)
    options = values.options(predict="history")
    overhead_ms = options.switchover_overhead_ms
    foreseen = Forecaster(past, lambda server: ()).foresee(
        options,
        SimpleNamespace(_domain=domain),
        Connection(domain),
        Asked(
            server=builders.SERVER,
            source="one",
            destination="two",
            memory_mb=1024,
            running=0,
            limit_ms=limit.most_ms(options.max_downtime_ms, overhead_ms),
            budget=values.budget(max_downtime_ms=options.max_downtime_ms),
            around=Surroundings(overhead_ms=overhead_ms),
        ),
    )
    assert foreseen.prediction.total_s == pytest.approx(
        found["total_s"], rel=1e-6
    )
    assert foreseen.prediction.downtime_p90_ms == pytest.approx(
        found["downtime_p90_ms"], rel=1e-6
    )
    assert list(foreseen.rests_on) == found["rests_on"]


def test_the_limit_is_that_of_the_policy():
    assert limit.most_ms(300, 60) == 240
    assert limit.most_ms(300, 250) == 150
    assert limit.most_ms(0, 60) == 0


def test_server_with_vgpus(predict, server):
    look = server["look"]
    use = VgpuUse(StunKey("NVIDIA V100", None, None, 10_000), 8 * GB, "type")
    server["look"] = inquiry.Look(
        look.server, look.host, look.memory, (use,), True
    )
    found = strict(predict("--server", look.server, *HOW, *JSON).out)
    assert found["framebuffer_basis"] == "type"
    assert found["downtime_ms"] > found["stun_p50_ms"] > 10_000


def test_server_with_a_device_nobody_knows(predict, server):
    look = server["look"]
    server["look"] = inquiry.Look(
        look.server, look.host, look.memory, (), True, 1
    )
    done = predict("--server", look.server, *HOW)
    assert done.status == 1
    assert look.server in done.err and "--framebuffer-gb" in done.err


def test_server_that_cannot_be_looked_at(predict, server, monkeypatch):
    def fail(server, *args):
        raise inquiry.ServerUnknown(server=server, reason="it is not running")

    monkeypatch.setattr(inquiry, "look", fail)
    done = predict("--server", builders.SERVER, *HOW)
    assert done.status == 1
    assert "not running" in done.err


# ---- the whole program


def test_it_is_light():
    """Neither Nova nor NumPy nor libvirt is imported to predict a curve."""
    code = (
        "import sys; from nova_livemig_gpu.cmd import main; main.parser();"
        "print([n for n in ('nova', 'numpy', 'scipy', 'libvirt', 'rich')"
        " if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_the_entry_point(tmp_path):
    path = tmp_path / "curve.json"
    path.write_text(json.dumps(FILE))
    program = [sys.executable, "-m", "nova_livemig_gpu.cmd.main", "predict"]
    words = ["--curve", str(path), *HOW, *JSON]
    done = subprocess.run([*program, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert strict(done.stdout)["converges"] is True
    words += ["--history", "/nowhere"]
    done = subprocess.run([*program, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert "argument --history" in done.stderr
