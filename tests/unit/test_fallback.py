"""A fault of ours is told, and ends where it is."""

import contextlib

import pytest

from nova_livemig_gpu.fallback import attempt, attempting


class Meant(Exception):
    pass


def _raise(error):
    raise error


def test_what_works_is_returned():
    assert attempt(lambda a, b: a + b, 1, 2) == 3


def test_a_fault_is_told_with_its_traceback(caplog):
    assert attempt(_raise, OSError("broken"), otherwise=7) == 7
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "Nova goes on without it" in record.getMessage()
    assert "broken" in caplog.text and "in _raise" in caplog.text


def test_what_is_meant_is_no_fault(caplog):
    with pytest.raises(Meant):
        attempt(_raise, Meant(), meant=(Meant,))
    assert not caplog.records


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit()])
def test_what_is_no_exception_is_not_ours(error):
    with pytest.raises(type(error)):
        attempt(_raise, error)


@contextlib.contextmanager
def _turning(error):
    """Makes what the block raises into something else."""
    try:
        yield "value"
    except Meant as exc:
        raise error from exc


@contextlib.contextmanager
def _ending():
    with contextlib.suppress(Meant):
        yield


@contextlib.contextmanager
def _fails_to_leave():
    yield "value"
    raise OSError("broken")


def test_a_block_runs_without_a_context_that_cannot_be_entered(caplog):
    ran = []
    with attempting(_raise, OSError("broken")) as value:
        ran.append(value)
    assert ran == [None]
    assert "broken" in caplog.text


def test_a_context_that_cannot_be_left(caplog):
    with attempting(_fails_to_leave) as value:
        assert value == "value"
    assert "broken" in caplog.text
    with pytest.raises(Meant), attempting(_fails_to_leave):
        raise Meant


def test_what_a_context_makes_of_an_error(caplog):
    with attempting(_ending):
        raise Meant
    with (
        pytest.raises(LookupError),
        attempting(_turning, LookupError(), meant=(LookupError,)),
    ):
        raise Meant
    assert not caplog.records
    with pytest.raises(Meant), attempting(_turning, OSError("broken")):
        raise Meant
    assert "broken" in caplog.text
