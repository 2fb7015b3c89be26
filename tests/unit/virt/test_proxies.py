import inspect
import re
from collections import deque
from types import SimpleNamespace

import libvirt
import pytest
from nova.virt.libvirt import guest as libvirt_guest

from nova_livemig_gpu.migration.departure import Departure
from nova_livemig_gpu.model import JobState, StartPlan, ThrottleSteps
from nova_livemig_gpu.virt import proxies
from nova_livemig_gpu.virt.proxies import (
    AttendedGuest,
    ConcludedGuest,
    DepartingGuest,
    FallenBackGuest,
    PlannedGuest,
    edit_flags,
)
from nova_livemig_gpu.virt.waiting import AbortedWaiting

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


@pytest.mark.parametrize("name", ["edit_flags", "parameters"])
def test_a_plan_that_cannot_be_told_starts_as_nova_would(
    monkeypatch, caplog, name
):
    def broken(*args):
        raise ZeroDivisionError

    monkeypatch.setattr(proxies, name, broken)
    domain = Domain()
    guest = PlannedGuest(libvirt_guest.Guest(domain), plan(bandwidth=48))
    guest.migrate("there", flags=LIVE | POST, bandwidth=7)
    destination, params, flags = domain.called
    assert (destination, params["bandwidth"], flags) == (
        "there",
        7,
        LIVE | POST,
    )
    assert "Nova goes on without it" in caplog.text


def test_a_concluded_guest_only_lies_about_its_job():
    guest = ConcludedGuest(libvirt_guest.Guest(Domain()), JobState.CANCELLED)
    assert guest.get_job_info().type == libvirt.VIR_DOMAIN_JOB_CANCELLED
    assert guest.name == "instance-1"


def test_one_that_was_given_up_is_not_started():
    departure, started = Departure(), []
    guest = SimpleNamespace(
        migrate=lambda dest, **more: started.append((dest, more)),
        name="instance-1",
    )
    departing = DepartingGuest(guest, departure)
    departing.migrate("there", flags=LIVE)
    assert started == [("there", {"flags": LIVE})]
    assert not departure.give_up("too late")
    assert departing.name == "instance-1"
    late = Departure()
    late.give_up("the server is deleted")
    with pytest.raises(AbortedWaiting, match="the server is deleted"):
        DepartingGuest(guest, late).migrate("there", flags=LIVE)
    assert len(started) == 1


class Job:
    """What Nova's monitor sees of a guest's job."""

    def __init__(self, abort_error=None, **info):
        self.asked = []
        self._error = abort_error
        self.info = libvirt_guest.JobInfo(
            type=libvirt.VIR_DOMAIN_JOB_UNBOUNDED, **info
        )

    def get_job_info(self):
        return self.info

    def abort_job(self):
        self.asked.append("abort")
        if self._error:
            raise self._error


def attended(job, departure):
    return AttendedGuest(job, departure, lambda: job.asked.append("force"))


def test_what_was_kept_is_done_once_there_is_a_job():
    departure, job = Departure(), Job()
    departure.go()
    departure.keep_abort()
    departure.keep_force()
    guest = attended(job, departure)
    job.info.type = libvirt.VIR_DOMAIN_JOB_NONE
    assert guest.get_job_info() is job.info and job.asked == []
    job.info.type = libvirt.VIR_DOMAIN_JOB_UNBOUNDED
    guest.get_job_info()
    assert job.asked == ["abort"], "nothing is sent yet"
    job.info.memory_processed = 4096
    for _ in range(2):
        guest.get_job_info()
    assert job.asked == ["abort", "force"]


def test_disks_that_are_copied_count_as_sent():
    departure, job = Departure(), Job(disk_processed=1)
    departure.keep_force()
    attended(job, departure).get_job_info()
    assert job.asked == ["force"]


def test_novas_monitor_is_told_of_one_that_was_given_up():
    departure, job = Departure(), Job()
    departure.give_up("aborted on request")
    info = attended(job, departure).get_job_info()
    assert info.type == libvirt.VIR_DOMAIN_JOB_CANCELLED


def test_an_abort_that_fails_is_told_and_novas_monitor_goes_on(caplog):
    departure = Departure()
    job = Job(libvirt.libvirtError("no connection"))
    departure.keep_abort()
    assert attended(job, departure).get_job_info() is job.info
    assert "no connection" in caplog.text


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


def test_the_limit_of_postcopy_reaches_libvirt():
    domain = Domain()
    bound = StartPlan(True, False, 48, 30, postcopy_mib_s=48)
    guest = PlannedGuest(libvirt_guest.Guest(domain), bound)
    guest.migrate("qemu+tcp://there/system", flags=LIVE)
    assert domain.called[1] == {"bandwidth": 48, "bandwidth.postcopy": 48}


def test_without_postcopy_its_limit_is_not_told():
    domain = Domain()
    bound = StartPlan(False, False, 48, 30, postcopy_mib_s=48)
    guest = PlannedGuest(libvirt_guest.Guest(domain), bound)
    guest.migrate("qemu+tcp://there/system", flags=LIVE)
    assert domain.called[1] == {"bandwidth": 48}


def libvirt_error(text, code=libvirt.VIR_ERR_INTERNAL_ERROR):
    found = libvirt.libvirtError(text)
    found.err = (code, 0, text, 0, "", "", "", 0, 0)
    return found


REFUSAL = (
    "internal error: unable to execute QEMU command "
    "'migrate-set-capabilities': Postcopy is not supported: Userfaultfd not "
    "available: Operation not permitted"
)


class Pessimist(Domain):
    """Starts nothing that can be switched to post-copy."""

    def __init__(self, exc, state=(1, 1), job=None):
        self.exc, self.now = exc, state
        self.job = job or {"type": libvirt.VIR_DOMAIN_JOB_NONE}
        self.tries = []

    def migrateToURI3(self, destination, params, flags):
        self.tries.append((params, flags))
        if flags & POST:
            raise self.exc

    def state(self):
        return self.now

    def jobStats(self):
        if isinstance(self.job, Exception):
            raise self.job
        return self.job


POSTCOPY = StartPlan(True, False, 48, 200, postcopy_mib_s=48)
INSTEAD = StartPlan(
    False, True, 48, 200, throttle=ThrottleSteps(50, 20), notes=("why",)
)


def pessimist(domain, without_postcopy=lambda reason: INSTEAD):
    guest = PlannedGuest(
        libvirt_guest.Guest(domain),
        POSTCOPY,
        without_postcopy=without_postcopy,
    )
    guest.migrate("qemu+tcp://there/system", flags=LIVE)


def test_a_start_that_is_refused_for_postcopy_is_made_without():
    domain, told = Pessimist(libvirt_error(REFUSAL)), []

    def without_postcopy(reason):
        told.append(reason)
        return INSTEAD

    pessimist(domain, without_postcopy)
    (_, first), (params, flags) = domain.tries
    assert first & POST and not flags & POST and flags & AUTO
    assert "bandwidth.postcopy" not in params
    assert params["auto_converge.initial"] == 50
    assert told == [REFUSAL]


@pytest.mark.parametrize(
    ("exc", "state", "job"),
    [
        (
            libvirt_error("operation failed: job 'migration out' failed"),
            (1, 1),
            None,
        ),
        (
            libvirt_error(
                "operation failed: job 'migration in' failed in post-copy "
                "phase",
                libvirt.VIR_ERR_OPERATION_FAILED,
            ),
            (3, 13),
            None,
        ),
        (ValueError(REFUSAL), (1, 1), None),
        (libvirt_error(REFUSAL), (3, 2), None),
        (libvirt_error(REFUSAL), (3, 12), None),
        (libvirt_error(REFUSAL), (3, 13), None),
        (libvirt_error(REFUSAL), (1, 1), {"type": 2}),
        (libvirt_error(REFUSAL), (1, 1), libvirt_error("gone")),
    ],
)
def test_what_has_begun_is_never_started_again(exc, state, job):
    domain = Pessimist(exc, state, job)
    with pytest.raises(type(exc), match=re.escape(str(exc))):
        pessimist(domain)
    assert len(domain.tries) == 1


def test_a_second_refusal_is_raised():
    domain = Pessimist(libvirt_error(REFUSAL))
    domain.migrateToURI3 = Refuses(domain.tries)
    with pytest.raises(libvirt.libvirtError, match="Userfaultfd"):
        pessimist(domain)
    assert len(domain.tries) == 2


class Refuses:
    def __init__(self, tries):
        self.tries = tries

    def __call__(self, destination, params, flags):
        self.tries.append((params, flags))
        raise libvirt_error(REFUSAL)


def test_a_fault_of_ours_leaves_postcopy_out(caplog):
    domain = Pessimist(libvirt_error(REFUSAL))

    def broken(reason):
        raise RuntimeError("ours")

    pessimist(domain, broken)
    assert [bool(flags & POST) for _, flags in domain.tries] == [True, False]
    assert "Nova goes on without it" in caplog.text


def test_an_unknown_parameter_and_a_refusal_together():
    """The first is left out, for the second post-copy is."""
    refusal = libvirt_error(
        "argument unsupported: post-copy is not supported with tunnelled "
        "migration",
        libvirt.VIR_ERR_ARGUMENT_UNSUPPORTED,
    )
    domain = Pessimist(refusal)
    pessimist(domain)
    assert [bool(flags & POST) for _, flags in domain.tries] == [True, False]
