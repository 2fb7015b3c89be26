"""What a migration wants of the link."""

from contextlib import ExitStack
from dataclasses import replace

import pytest

from nova_livemig_gpu.history.transports import Link
from nova_livemig_gpu.migration.sharers import Sharers, Terms
from nova_livemig_gpu.model import (
    BandwidthLaw,
    GuestMemory,
    OverBudget,
    Stun,
    Surroundings,
)
from nova_livemig_gpu.policies.adaptive import AdaptivePolicy
from nova_livemig_gpu.policies.nova import NovaPolicy
from nova_livemig_gpu.policies.sharing import UNKNOWN, Demand
from nova_livemig_gpu.policies.xen import XenPolicy
from nova_livemig_gpu.virt import appetite
from nova_livemig_gpu.virt.foreseen import Foreseen
from tests import builders
from tests.unit.policies.test_need import writes

MIB = 2**20
TERMS = Terms(112 * MIB)
KNOWN = Foreseen(memory=GuestMemory(262144, 0), curve=writes(20, 128))


def policy(kind=AdaptivePolicy, **changes):
    return kind(builders.budget(**changes), Surroundings(overhead_ms=0))


def demand(own=None, foreseen=KNOWN, terms=TERMS, link=None):
    return appetite.demand(own or policy(), foreseen, terms, link)


def test_what_is_foreseen():
    found = demand()
    assert found.need_bps / MIB == pytest.approx(25.4, abs=0.2)
    assert found.most_bps is None


def test_its_connections():
    one = AdaptivePolicy(
        builders.budget(), Surroundings(overhead_ms=0, vfio=True)
    )
    several = type(one)(one.budget, replace(one.around, channels=4))
    assert demand(one).flows == 1
    assert demand(several) == replace(demand(one), flows=4)


def test_postcopy_needs_nothing():
    assert demand(policy(postcopy=True)) == Demand(0.0)


def test_nothing_foreseen():
    assert demand(foreseen=Foreseen(why="predict is off")) == UNKNOWN


@pytest.mark.parametrize("kind", [NovaPolicy, XenPolicy])
def test_policies_that_are_left_alone(kind):
    assert demand(policy(kind)) == UNKNOWN
    assert appetite.pace(policy(kind), KNOWN, object()) is None


def test_over_an_unknown_link_nothing_is_worked_out():
    assert demand(terms=Terms(None)) == UNKNOWN


def test_the_most_is_its_own_or_that_of_the_destination():
    own = policy(bandwidth_mbps=100)
    assert demand(own) == Demand(0.0, 12.5e6), "it does not end alone"
    slow = Link(400, "the slower of both ends")
    found = demand(link=slow)
    assert found.most_bps == pytest.approx(47e6)
    assert found.need_bps <= 47e6
    assert demand(own, link=slow).most_bps == 12.5e6


def with_device(stun, **changes):
    around = Surroundings(overhead_ms=0, vfio=True, stun=stun)
    return AdaptivePolicy(builders.budget(**changes), around)


def test_a_device_needs_what_fits_its_budget():
    """1.25 * 16 MiB in 300 ms."""
    small = Stun(100, 200, 16 * MIB)
    found = demand(with_device(small))
    assert found.need_bps / MIB == pytest.approx(66.7, abs=0.1)
    usual = demand(with_device(None))
    assert usual.need_bps / MIB == pytest.approx(25.4, abs=0.5)
    for other in (
        with_device(Stun(100, 200)),
        with_device(Stun(100, 200, 4096 * MIB)),
        with_device(small, over_budget=OverBudget.ALLOW),
    ):
        assert demand(other) == usual


@pytest.mark.parametrize("vfio", [False, True])
def test_a_device_is_not_held_up_by_the_dynamic_law(vfio):
    """At 50 Mbit/s nothing of its state would fit the budget."""
    around = Surroundings(overhead_ms=0, vfio=vfio)
    own = AdaptivePolicy(
        builders.budget(bandwidth_law=BandwidthLaw.DYNAMIC), around
    )
    with Sharers().lane("a") as lane:
        assert appetite.pace(own, KNOWN, lane).dynamic is not vfio


def test_without_a_place_there_is_no_pace():
    assert appetite.pace(policy(), KNOWN, None) is None
    with ExitStack() as stack:
        lane = stack.enter_context(Sharers().lane("a"))
        assert appetite.pace(policy(), KNOWN, lane) is not None
