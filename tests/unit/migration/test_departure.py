"""What is asked of a migration before libvirt has a job for it."""

import threading

import pytest

from nova_livemig_gpu.migration.departure import Departure

PATIENCE_S = 10


def test_until_it_goes_it_can_be_given_up():
    departure = Departure()
    assert departure.reason is None
    assert departure.give_up("first") and departure.give_up("second")
    assert departure.reason == "first"
    assert not departure.go()


def test_from_then_on_it_cannot():
    departure = Departure()
    assert departure.go()
    assert not departure.give_up("too late")
    assert departure.reason is None


@pytest.mark.parametrize("early", [True, False])
def test_whoever_waits_is_woken(early):
    departure, woken = Departure(), []
    if early:
        departure.give_up("x")
    departure.wakes(lambda: woken.append("link"))
    departure.wakes(lambda: woken.append("queue"))
    departure.give_up("x")
    assert woken[:2] == ["link", "queue"]


def test_either_it_goes_or_it_is_given_up():
    """Never both, never neither, however the two meet."""
    for _ in range(50):
        departure, barrier = Departure(), threading.Barrier(2)
        answers = {}

        def ask(name, call, *args, barrier=barrier, answers=answers):
            barrier.wait(PATIENCE_S)
            answers[name] = call(*args)

        threads = [
            threading.Thread(target=ask, args=("go", departure.go)),
            threading.Thread(
                target=ask, args=("up", departure.give_up, "aborted")
            ),
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join(PATIENCE_S)
        assert answers["go"] is not answers["up"]


@pytest.mark.parametrize("what", ["abort", "force"])
def test_what_is_kept_is_taken_once(what):
    departure = Departure()
    keep = getattr(departure, f"keep_{what}")
    take = getattr(departure, f"take_{what}")
    assert keep() and keep()
    assert take() and not take()
    assert not keep(), "it is libvirt that is asked now"
    assert not take()


def test_nothing_is_kept_that_nobody_has_asked_for():
    departure = Departure()
    assert not departure.take_abort() and not departure.take_force()
    assert not departure.hurried


def test_a_force_complete_is_known_while_it_is_kept():
    departure = Departure()
    departure.keep_force()
    assert departure.hurried
    departure.take_force()
    assert not departure.hurried


def test_its_end_can_be_waited_for():
    departure = Departure()
    assert not departure.wait_end(0.01)
    departure.end()
    assert departure.wait_end(PATIENCE_S)
