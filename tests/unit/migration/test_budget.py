"""Options, image, flavor: who sets what for a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.exception import InvalidSetting
from nova_livemig_gpu.migration.budget import (
    FLAVOR_PREFIX,
    IMAGE_PREFIX,
    PARSERS,
    parse,
    resolve,
)
from nova_livemig_gpu.model import (
    SETTING_NAMES,
    BandwidthLaw,
    Budget,
    Goal,
    NotConverging,
    OnTimeout,
    OverBudget,
    PostcopyStart,
)
from nova_livemig_gpu.policies.base import bandwidth_mib_s
from tests.builders import nova_defaults, options

#: For each setting: text, its value in the budget.
RIGHT = {
    "policy": ("nova", "nova"),
    "max_downtime_ms": ("10", 10),
    "timeout_s": ("60", 60),
    "on_timeout": ("force_complete", OnTimeout.FORCE_COMPLETE),
    "postcopy": ("allow", True),
    "auto_converge": ("allow", True),
    "bandwidth_mbps": ("400", 400),
    "goal": ("gentle", Goal.GENTLE),
    "not_converging": ("abort", NotConverging.ABORT),
    "over_budget": ("refuse", OverBudget.REFUSE),
    "postcopy_start": ("as_predicted", PostcopyStart.AS_PREDICTED),
    "bandwidth_law": ("dynamic", BandwidthLaw.DYNAMIC),
}
WRONG = {
    "policy": ["", " "],
    "max_downtime_ms": ["9", "2000001", "", "fast", "1.5", "-1", "1e3"],
    "timeout_s": ["-1", "31536001", "never"],
    "on_timeout": ["explode", "ABORT", ""],
    "postcopy": ["yes", "True", "1"],
    "auto_converge": ["no", "false"],
    "bandwidth_mbps": ["-1", "10000001", "1 Gbit/s"],
    "goal": ["slow", "FAST"],
    "not_converging": ["force_complete", "Abort", ""],
    "over_budget": ["maybe", "REFUSE", ""],
    "postcopy_start": ["now", "As_Predicted", ""],
    "bandwidth_law": ["nsdi", "Dynamic", ""],
}


def flavor(**texts):
    return {FLAVOR_PREFIX + name: text for name, text in texts.items()}


def image(**texts):
    return {IMAGE_PREFIX + name: text for name, text in texts.items()}


def settle(opts=None, nova=None, specs=None, properties=None):
    return resolve(
        opts or options(),
        nova or nova_defaults(),
        specs or {},
        properties or {},
    )


def test_every_setting_has_a_parser_and_an_example():
    assert set(PARSERS) == set(SETTING_NAMES) == set(RIGHT) == set(WRONG)


def test_unset_options_mean_novas():
    got = settle(
        nova=nova_defaults(
            timeout_s=800,
            on_timeout=OnTimeout.FORCE_COMPLETE,
            postcopy=True,
            auto_converge=True,
            bandwidth_mib_s=100,
        )
    )
    assert got.timeout_s == 800
    assert got.on_timeout is OnTimeout.FORCE_COMPLETE
    assert got.postcopy and got.auto_converge
    assert got.bandwidth_mbps == 839
    for name in ("timeout_s", "on_timeout", "postcopy", "bandwidth_mbps"):
        assert got.sources[name] == "nova"
    assert got.sources["max_downtime_ms"] == "option"


def test_options_win_over_nova():
    got = settle(
        options(timeout_s=5, postcopy="forbid", bandwidth_mbps=10),
        nova_defaults(postcopy=True, bandwidth_mib_s=100),
    )
    assert (got.timeout_s, got.postcopy, got.bandwidth_mbps) == (5, False, 10)
    assert got.sources["timeout_s"] == "option"


@pytest.mark.parametrize("name", SETTING_NAMES)
def test_flavor_wins_over_options(name):
    text, value = RIGHT[name]
    got = settle(specs=flavor(**{name: text}))
    assert getattr(got, name) == value
    assert got.sources[name] == "flavor"


@pytest.mark.parametrize("name", SETTING_NAMES)
def test_image_counts_only_where_it_may(name):
    text, value = RIGHT[name]
    properties = image(**{name: text})
    ignored = settle(properties=properties)
    assert getattr(ignored, name) != value
    assert ignored.sources[name] in ("option", "nova")
    taken = settle(options(image_properties=(name,)), properties=properties)
    assert getattr(taken, name) == value
    assert taken.sources[name] == "image"


def test_flavor_wins_over_image():
    got = settle(
        options(image_properties=("max_downtime_ms",)),
        specs=flavor(max_downtime_ms="200"),
        properties=image(max_downtime_ms="100"),
    )
    assert got.max_downtime_ms == 200
    assert got.sources["max_downtime_ms"] == "flavor"


def test_an_image_shows_through_a_flavor_that_is_wrong(caplog):
    got = settle(
        options(image_properties=("max_downtime_ms",)),
        specs=flavor(max_downtime_ms="soon"),
        properties=image(max_downtime_ms="100"),
    )
    assert got.max_downtime_ms == 100
    assert "soon" in caplog.text


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, text) for name, texts in WRONG.items() for text in texts],
)
def test_wrong_text_is_reported_and_skipped(name, text, caplog):
    assert settle(specs=flavor(**{name: text})) == settle()
    assert f"flavor livemig_gpu:{name}" in caplog.text
    with pytest.raises(InvalidSetting) as caught:
        parse(name, text, "here")
    assert PARSERS[name].__doc__ in str(caught.value)


@pytest.mark.parametrize("name", SETTING_NAMES)
def test_blanks_around_a_value_do_no_harm(name):
    text, value = RIGHT[name]
    got = settle(specs=flavor(**{name: f" {text}\n"}))
    assert getattr(got, name) == value


def test_zero_means_without_limit():
    got = settle(specs=flavor(timeout_s="0", bandwidth_mbps="0"))
    assert got.timeout_s is None and got.bandwidth_mbps is None
    assert settle(nova=nova_defaults(timeout_s=0)).timeout_s is None


def test_postcopy_at_the_timeout_that_is_forbidden_is_an_abort(caplog):
    got = settle(
        options(postcopy="forbid"), specs=flavor(on_timeout="postcopy")
    )
    assert got.on_timeout is OnTimeout.ABORT
    assert "from flavor" in caplog.text and "from option" in caplog.text


def test_postcopy_at_the_timeout_that_is_allowed_stays():
    got = settle(specs=flavor(on_timeout="postcopy", postcopy="allow"))
    assert got.on_timeout is OnTimeout.POSTCOPY


def test_other_extra_specs_are_none_of_our_business():
    assert settle(specs={"hw:cpu_policy": "dedicated"}) == settle()


@given(st.integers(1, 100_000))
def test_novas_bandwidth_survives_the_units(mib_s):
    got = settle(nova=nova_defaults(bandwidth_mib_s=mib_s))
    assert bandwidth_mib_s(got.bandwidth_mbps) == mib_s


texts = (
    st.text()
    | st.integers().map(str)
    | st.floats().map(str)
    | st.sampled_from([text for text, _ in RIGHT.values()])
)
settings = st.dictionaries(st.sampled_from(SETTING_NAMES), texts)


@given(settings, settings, st.sets(st.sampled_from(SETTING_NAMES)))
def test_any_text_is_survived_within_bounds(specs, properties, allowed):
    got = settle(
        options(image_properties=tuple(allowed)),
        specs=flavor(**specs),
        properties=image(**properties),
    )
    assert isinstance(got, Budget)
    assert 10 <= got.max_downtime_ms <= 2_000_000
    assert got.timeout_s is None or 0 < got.timeout_s <= 31_536_000
    assert got.bandwidth_mbps is None or 0 < got.bandwidth_mbps <= 10_000_000
    assert isinstance(got.on_timeout, OnTimeout)
    assert isinstance(got.goal, Goal)
    assert got.policy.strip()
    assert got.postcopy or got.on_timeout is not OnTimeout.POSTCOPY
    for name, source in got.sources.items():
        assert source != "image" or name in allowed
