import time

import pytest
from oslo_config import cfg

from nova_livemig_gpu import conf as own_conf
from nova_livemig_gpu.conf.reader import Reader
from nova_livemig_gpu.exception import InvalidOption


@pytest.fixture
def service(tmp_path):
    file = tmp_path / "nova.conf"

    def write(text):
        file.write_text(f"[livemig_gpu]\n{text}\n")

    def start(text=""):
        write(text)
        conf = cfg.ConfigOpts()
        conf.register_opt(cfg.StrOpt("state_path", default="/var/lib/nova"))
        own_conf.register_opts(conf)
        conf(args=["--config-file", str(file)])
        return conf, Reader(conf), write

    return start


def test_a_change_in_the_file_counts_at_the_next_look(service):
    _, reader, write = service("max_downtime_ms = 300")
    assert reader.read().max_downtime_ms == 300
    write("max_downtime_ms = 100\ngoal = gentle")
    assert reader.read().max_downtime_ms == 100
    assert reader.read().goal == "gentle"
    write("max_downtime_ms = 300")
    assert reader.read().max_downtime_ms == 300
    assert reader.read().goal == "fast"


def test_options_that_need_a_restart_stay(service):
    _, reader, write = service("state_dir = /one")
    write("state_dir = /two\nhooks = null")
    assert reader.read().state_dir == "/one"
    assert reader.read().hooks == ()


@pytest.mark.parametrize(
    "text", ["max_downtime_ms = 3", "image_properties = nonsense", "goal = x"]
)
def test_a_wrong_change_is_logged_once_and_not_used(service, caplog, text):
    _, reader, write = service("max_downtime_ms = 300")
    write("max_downtime_ms = 200")
    reader.read()
    write(text)
    for _ in range(3):
        assert reader.read().max_downtime_ms == 200
    errors = [r for r in caplog.records if r.levelname == "ERROR"]
    assert len(errors) == 1
    write("max_downtime_ms = 250")
    assert reader.read().max_downtime_ms == 250


def test_what_the_service_itself_overrides_stays_overridden(service):
    conf, reader, write = service("max_downtime_ms = 300")
    conf.set_override("max_downtime_ms", 444, group="livemig_gpu")
    assert reader.read().max_downtime_ms == 444
    write("max_downtime_ms = 100")
    assert reader.read().max_downtime_ms == 100


def test_a_file_that_went_away_changes_nothing(service, tmp_path):
    _, reader, _ = service("max_downtime_ms = 300")
    (tmp_path / "nova.conf").unlink()
    assert reader.read().max_downtime_ms == 300


def test_wrong_at_the_start_is_raised(service):
    with pytest.raises((InvalidOption, ValueError)):
        service("image_properties = nonsense")


def test_paths_may_refer_to_any_option_of_the_service(tmp_path):
    """Only the service itself can resolve them."""
    file = tmp_path / "nova.conf"
    file.write_text(
        "[DEFAULT]\nlog_dir = /var/log/nova\nstate_path = $pybasedir/s\n"
        "[livemig_gpu]\naudit_log = $log_dir/audit.log\n"
    )
    conf = cfg.ConfigOpts()
    conf.register_opts(
        [
            cfg.StrOpt("state_path"),
            cfg.StrOpt("log_dir"),
            cfg.StrOpt("pybasedir", default="/opt"),
        ]
    )
    own_conf.register_opts(conf)
    conf(args=["--config-file", str(file)])
    options = Reader(conf).read()
    assert options.audit_log == "/var/log/nova/audit.log"
    assert options.state_dir == "/opt/s/livemig_gpu"


def test_files_that_have_not_changed_are_not_read_again(
    service, monkeypatch, tmp_path
):
    """An audit asks every minute; reading them takes some milliseconds."""
    _, reader, write = service("max_downtime_ms = 300")
    reads = []
    real = reader._from_files
    monkeypatch.setattr(
        reader, "_from_files", lambda: reads.append(1) or real()
    )
    now_s = time.monotonic()
    for later_s, expected in ((0.0, 1), (1.9, 2), (2.1, 2), (9.0, 2)):
        monkeypatch.setattr(
            "nova_livemig_gpu.conf.reader.time.monotonic",
            lambda later_s=later_s: now_s + later_s,
        )
        assert reader.read().max_downtime_ms == 300
        assert len(reads) == expected
    write("max_downtime_ms = 100")
    assert reader.read().max_downtime_ms == 100
    (tmp_path / "nova.conf").unlink()
    assert reader.read().max_downtime_ms == 100
