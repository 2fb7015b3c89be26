import inspect
from collections import deque
from types import SimpleNamespace

import libvirt
import pytest
from nova.virt.libvirt import guest as libvirt_guest

from nova_livemig_gpu.model import JobState, StartPlan, ThrottleSteps
from nova_livemig_gpu.virt.proxies import (
    ConcludedGuest,
    FallenBackGuest,
    PlannedGuest,
    edit_flags,
)

LIVE = libvirt.VIR_MIGRATE_LIVE
POST = libvirt.VIR_MIGRATE_POSTCOPY
AUTO = libvirt.VIR_MIGRATE_AUTO_CONVERGE
#: Nova 33 and later give it
GIVES_PARALLEL = (
    "parallel" in inspect.signature(libvirt_guest.Guest.migrate).parameters
)


class Domain:
    def migrateToURI3(self, destination, params, flags):
        self.called = (destination, params, flags)

    def name(self):
        return "instance-1"


def plan(postcopy=False, auto_converge=False, bandwidth=0):
    return StartPlan(postcopy, auto_converge, bandwidth, 200)


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        (LIVE, plan(), LIVE),
        (LIVE | POST | AUTO, plan(), LIVE),
        (LIVE, plan(postcopy=True), LIVE | POST),
        (LIVE | POST, plan(auto_converge=True), LIVE | AUTO),
    ],
)
def test_flags_are_as_planned_and_others_stay(before, wanted, after):
    assert edit_flags(before, wanted) == after


def test_the_plan_reaches_libvirt_through_novas_own_guest():
    domain = Domain()
    guest = PlannedGuest(
        libvirt_guest.Guest(domain), plan(postcopy=True, bandwidth=48)
    )
    guest.migrate(
        "qemu+tcp://there/system",
        migrate_uri="tcp://there",
        flags=LIVE | AUTO,
        migrate_disks=["vda"],
        destination_xml="<domain/>",
        bandwidth=0,
        **({"parallel": 0} if GIVES_PARALLEL else {}),
    )
    destination, params, flags = domain.called
    assert destination == "qemu+tcp://there/system"
    assert params["bandwidth"] == 48
    assert params["migrate_disks"] == ["vda"]
    assert flags == LIVE | POST
    assert guest.name == "instance-1"


def test_a_concluded_guest_only_lies_about_its_job():
    guest = ConcludedGuest(libvirt_guest.Guest(Domain()), JobState.CANCELLED)
    assert guest.get_job_info().type == libvirt.VIR_DOMAIN_JOB_CANCELLED
    assert guest.name == "instance-1"


def test_after_a_fallback_force_complete_pauses_where_it_must():
    calls = []
    guest = SimpleNamespace(
        pause=lambda: calls.append("pause"),
        migrate_start_postcopy=lambda: calls.append("postcopy"),
    )
    undo = deque()
    fallen = FallenBackGuest(guest, plan(), undo)
    for _ in range(2):
        with pytest.raises(libvirt.libvirtError):
            fallen.migrate_start_postcopy()
    assert calls == ["pause"] and list(undo) == ["unpause"]
    FallenBackGuest(guest, plan(postcopy=True), undo).migrate_start_postcopy()
    assert calls == ["pause", "postcopy"]


def error(code):
    found = libvirt.libvirtError("no")
    found.err = (code, 0, "unsupported", 0, "", "", "", 0, 0)
    return found


class PickyDomain(Domain):
    """Refuses a start that has a parameter which it does not know."""

    def __init__(self, code):
        self.code = code
        self.tries = []

    def migrateToURI3(self, destination, params, flags):
        self.tries.append((params, flags))
        if "parallel.connections" in params:
            raise error(self.code)


DEVICE = StartPlan(False, False, 0, 30, channels=4, switchover_mib_s=119)


def test_extra_parameters_reach_libvirt():
    domain = Domain()
    guest = PlannedGuest(libvirt_guest.Guest(domain), DEVICE)
    guest.migrate("qemu+tcp://there/system", flags=LIVE, bandwidth=0)
    _, params, flags = domain.called
    assert params == {
        "bandwidth": 0,
        "parallel.connections": 4,
        "bandwidth.avail.switchover": 119,
    }
    assert flags == LIVE | libvirt.VIR_MIGRATE_PARALLEL


def test_novas_own_connections_are_overridden_by_ours():
    domain = Domain()
    guest = PlannedGuest(libvirt_guest.Guest(domain), DEVICE)
    more = {"parallel": 2} if GIVES_PARALLEL else {}
    guest.migrate("qemu+tcp://there/system", flags=LIVE, **more)
    assert domain.called[1]["parallel.connections"] == 4


@pytest.mark.parametrize("on", [True, False])
def test_steps_of_auto_converge(on):
    domain = Domain()
    plan = StartPlan(False, on, 0, 30, throttle=ThrottleSteps(50, 20))
    guest = PlannedGuest(libvirt_guest.Guest(domain), plan)
    guest.migrate("qemu+tcp://there/system", flags=LIVE)
    _, params, flags = domain.called
    assert bool(flags & libvirt.VIR_MIGRATE_AUTO_CONVERGE) is on
    steps = {"auto_converge.initial": 50, "auto_converge.increment": 20}
    assert (steps.items() <= params.items()) is on


def test_without_channels_the_flag_stays_as_nova_has_it():
    domain = Domain()
    told = StartPlan(False, False, 0, 30, switchover_mib_s=119)
    guest = PlannedGuest(libvirt_guest.Guest(domain), told)
    guest.migrate("qemu+tcp://there/system", flags=LIVE)
    assert domain.called[2] == LIVE
    assert "parallel.connections" not in domain.called[1]


@pytest.mark.parametrize(
    "code",
    [
        libvirt.VIR_ERR_INVALID_ARG,
        libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
        libvirt.VIR_ERR_OPERATION_UNSUPPORTED,
        libvirt.VIR_ERR_CONFIG_UNSUPPORTED,
    ],
)
def test_what_is_not_supported_does_not_stop_the_migration(code):
    domain = PickyDomain(code)
    told = []
    guest = PlannedGuest(libvirt_guest.Guest(domain), DEVICE, told.append)
    guest.migrate("qemu+tcp://there/system", flags=LIVE | POST)
    assert [params for params, _ in domain.tries][1] == {"bandwidth": 0}
    assert domain.tries[1][1] == LIVE
    assert len(told) == 1


def test_any_other_error_is_raised():
    domain = PickyDomain(libvirt.VIR_ERR_OPERATION_FAILED)
    guest = PlannedGuest(libvirt_guest.Guest(domain), DEVICE)
    with pytest.raises(libvirt.libvirtError):
        guest.migrate("qemu+tcp://there/system", flags=LIVE)
    assert len(domain.tries) == 1
