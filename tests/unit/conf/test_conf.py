"""Options: registered, read, checked, documented."""

import dataclasses
from pathlib import Path

import pytest
from oslo_config import cfg, generator

from nova_livemig_gpu import conf
from nova_livemig_gpu.exception import InvalidOption
from nova_livemig_gpu.migration.budget import PARSERS

ETC = Path(__file__).parents[3] / "etc" / "nova_livemig_gpu"

#: One wrong value for each option that can be wrong, and what the error
#: must say is right.
WRONG = {
    "max_downtime_ms": ("9", "10"),
    "timeout_s": ("-1", "0"),
    "on_timeout": ("explode", "force_complete"),
    "postcopy": ("maybe", "forbid"),
    "auto_converge": ("maybe", "forbid"),
    "bandwidth_mbps": ("fast", "fast"),
    "not_converging": ("maybe", "continue"),
    "over_budget": ("maybe", "refuse"),
    "goal": ("slow", "gentle"),
    "hook_timeout_s": ("0", "1"),
    "device_channels": ("-1", "0"),
    "switchover_bandwidth_mbps": ("1", "8"),
    "clean_mdevs": ("perhaps", "perhaps"),
    "queue_vgpu_migrations": ("perhaps", "perhaps"),
    "vgpu_wait_s": ("-1", "0"),
    "image_properties": ("colour", "max_downtime_ms"),
    "poll_interval_ms": ("10", "50"),
    "switchover_overhead_ms": ("60001", "60000"),
    "max_records": ("0", "1"),
    "max_history": ("9", "10"),
    "state_dir": ("$no_such_option/x", "no_such_option"),
    "gpu_call_timeout_s": ("0", "0.1"),
    "link_mbps": ("0", "1"),
    "audit_log_max_mb": ("-1", "0"),
    "audit_log": ("$no_such_option/x", "no_such_option"),
}


@pytest.fixture
def configured(tmp_path):
    """Return what Nova's CONF is with these lines in nova.conf."""

    def make(*lines: str) -> cfg.ConfigOpts:
        path = tmp_path / "nova.conf"
        path.write_text("\n".join(("[livemig_gpu]", *lines)))
        config = cfg.ConfigOpts()
        config.register_opt(cfg.StrOpt("state_path", default="/var/lib/nova"))
        conf.register_opts(config)
        config([], default_config_files=[str(path)], default_config_dirs=[])
        return config

    return make


def test_defaults_are_right(configured):
    options = conf.load(configured())
    assert options.policy == "adaptive"
    assert options.timeout_s is None
    assert options.state_dir == "/var/lib/nova/livemig_gpu"
    assert options.hooks == ()


def test_every_option_is_read(configured):
    registered = set(configured().livemig_gpu)
    fields = {field.name for field in dataclasses.fields(conf.Options)}
    assert fields <= registered


@pytest.mark.parametrize("name", WRONG)
def test_wrong_option_is_named_with_what_is_right(configured, name):
    value, right = WRONG[name]
    with pytest.raises(InvalidOption) as caught:
        conf.load(configured(f"{name} = {value}"))
    assert f"[livemig_gpu] {name}" in str(caught.value)
    assert right in str(caught.value)


def test_registering_again_is_safe(configured):
    config = configured("max_downtime_ms = 77")
    conf.register_opts(config)
    conf.register_opts(config)
    assert conf.load(config).max_downtime_ms == 77


@pytest.mark.parametrize("name", PARSERS)
def test_option_and_extra_spec_have_the_same_bounds(name):
    """An operator must not have to learn two sets of rules."""
    (found,) = (
        opt for _, opts in conf.list_opts() for opt in opts if opt.name == name
    )
    right = PARSERS[name].__doc__
    if isinstance(found, cfg.IntOpt):
        assert f"from {found.type.min} to {found.type.max}" in right
    for choice in getattr(found.type, "choices", None) or ():
        assert choice in right


def test_all_options_are_listed_and_described(configured):
    ((group, opts),) = conf.list_opts()
    assert group == conf.GROUP
    assert {opt.dest for opt in opts} == set(configured().livemig_gpu)
    for opt in opts:
        assert opt.help and opt.help.strip()


def sample(target: Path) -> str:
    """Generate the sample configuration as etc/ has it."""
    config = ["--config-file", str(ETC / "config-generator.conf")]
    generator.main([*config, "--output-file", str(target)])
    return target.read_text()


def test_the_sample_names_every_option(tmp_path):
    text = sample(tmp_path / "sample.conf")
    assert "[livemig_gpu]" in text
    for _, opts in conf.list_opts():
        for opt in opts:
            assert f"\n#{opt.dest} =" in text


def test_the_sample_in_the_tree_is_current(tmp_path):
    (kept,) = ETC.glob("*.sample")
    assert kept.read_text() == sample(tmp_path / "sample.conf")
