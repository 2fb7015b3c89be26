"""Our extra specs, by Nova's own validator."""

import pytest
from nova import exception
from nova.api.validation.extra_specs import validators

from nova_livemig_gpu.migration.budget import PARSERS, parse
from nova_livemig_gpu.model import SETTING_NAMES
from nova_livemig_gpu.policies import loader
from nova_livemig_gpu.scheduler import extra_specs
from tests.unit.migration.test_budget import RIGHT, WRONG


def check(name: str, text: str) -> None:
    """What the API does with an extra spec, microversion 2.86 on."""
    validators.validate(f"livemig_gpu:{name}", text)


def test_nova_has_loaded_ours():
    for name in SETTING_NAMES:
        assert f"livemig_gpu:{name}" in validators.VALIDATORS


def test_all_settings_and_nothing_else():
    names = {each.name for each in extra_specs.register()}
    assert names == {f"livemig_gpu:{name}" for name in SETTING_NAMES}


@pytest.mark.parametrize("name", SETTING_NAMES)
def test_right(name):
    check(name, RIGHT[name][0])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (name, text)
        for name, texts in WRONG.items()
        for text in (*texts, "no-such")
    ],
)
def test_wrong(name, text):
    with pytest.raises(exception.ValidationError):
        check(name, text)


@pytest.mark.parametrize("name", ["max_downtime", "downtime_ms", "x"])
def test_unknown_key_of_ours(name):
    with pytest.raises(exception.ValidationError, match=name):
        check(name, "1")


@pytest.mark.parametrize("name", loader.names())
def test_every_installed_policy_can_be_chosen(name):
    check("policy", name)


@pytest.mark.parametrize(
    ("name", "bound"),
    [
        ("max_downtime_ms", 10),
        ("max_downtime_ms", 2_000_000),
        ("timeout_s", 0),
        ("timeout_s", 31_536_000),
        ("bandwidth_mbps", 0),
        ("bandwidth_mbps", 10_000_000),
    ],
)
def test_bounds_are_those_of_the_driver(name, bound):
    """What the API takes the driver takes, and the other way round."""
    check(name, str(bound))
    assert parse(name, str(bound), "here") == bound
    assert str(bound) in PARSERS[name].__doc__
