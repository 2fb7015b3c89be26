from hypothesis import given
from hypothesis import strategies as st

from nova_livemig_gpu.migration.overhead import overhead_ms


def record(downtime, limit=200, **outcome):
    return {
        "last_limit_ms": limit,
        "outcome": {
            "state": "completed",
            "downtime_ms": downtime,
            "postcopy": False,
            "forced": False,
            **outcome,
        },
    }


def test_the_option_serves_until_ten_were_seen():
    assert overhead_ms([record(290), record(250)], 100) == 100
    assert overhead_ms([record(250)] * 9, 100) == 100
    assert overhead_ms([record(250)] * 10, 100) == 50


def test_a_few_can_only_raise_it():
    assert overhead_ms([record(355), record(250), record(260)], 100) == 155
    assert overhead_ms([record(4200)], 100) == 200


def test_one_outlier_does_not_count():
    seen = [record(250)] * 10 + [record(5000)]
    assert overhead_ms(seen, 100) == 50


def test_only_the_newest_twenty_count():
    seen = [record(210)] * 20 + [record(500)] * 20
    assert overhead_ms(seen, 100) == 10


def test_pauses_that_do_not_come_from_the_limit_do_not_count():
    seen = [
        record(4, postcopy=True),
        record(9000, forced=True),
        record(None),
        record(250, limit=None),
        record(250, state="failed"),
        {**record(4200), "vfio": True},
        {"outcome": None},
        {},
    ]
    assert overhead_ms(seen * 3, 77) == 77


def test_below_the_limit_is_no_overhead():
    assert overhead_ms([record(50)] * 10, 100) == 0


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(st.fixed_dictionaries({"outcome": JSON})))
def test_any_record_is_survived(records):
    assert overhead_ms(records, 100) == 100
