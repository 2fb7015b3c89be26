"""Nobody waits for what takes long, and nothing old is taken for new."""

import threading
import time

import pytest

from nova_livemig_gpu.virt import snapshot
from nova_livemig_gpu.virt.snapshot import Snapshot

#: What a reading may cost an audit, and what a busy machine adds.
QUICK_S = 0.01
SLACK_S = 0.2


class World:
    """Something to be read; a reading can be held up."""

    def __init__(self, held=False):
        self.value = 0
        self.begun = 0
        self.now_s = 0.0
        self.go = threading.Event()
        if not held:
            self.go.set()
        self.own = Snapshot(self.read, lambda: self.now_s)

    def read(self):
        self.begun += 1
        value = self.value
        assert self.go.wait(10)
        if isinstance(value, Exception):
            raise value
        return value

    def settle(self):
        """Let a reading that is under way end."""
        self.go.set()
        done = self.own._done
        assert done is None or done.wait(10)


def test_the_first_reading_is_waited_for():
    world = World(held=True)
    threading.Timer(0.05, world.go.set).start()
    assert world.own.latest() == 0


def test_what_is_quick_is_of_now(monkeypatch):
    monkeypatch.setattr(snapshot, "PATIENCE_S", 5.0)
    world = World()
    for world.value in range(5):
        assert world.own.latest() == world.value
    assert world.begun == 5


def test_what_is_slow_is_of_the_audit_before():
    world = World()
    world.own.latest()
    world.go.clear()
    world.value = 1
    begin_s = time.monotonic()
    assert world.own.latest() == 0
    assert world.own.latest() == 0
    assert time.monotonic() - begin_s < 2 * QUICK_S + SLACK_S
    assert world.begun == 2, "one reading at a time"
    world.settle()
    assert world.own.last() == 1


def test_it_is_read_again_where_something_has_changed():
    world = World()
    world.own.renew()
    assert world.begun == 0, "nobody has asked for it yet"
    world.own.latest()
    world.value = 1
    world.own.renew()
    world.settle()
    assert (world.own.last(), world.begun) == (1, 2)


def test_a_reading_that_fails_is_unknown_and_tried_again(caplog):
    world = World()
    world.value = OSError("broken")
    assert world.own.latest() is None
    assert "are not published" in caplog.text and "broken" in caplog.text
    world.value = 1
    world.own.latest()
    world.settle()
    assert world.own.last() == 1
    world.value = OSError("broken")
    world.own.latest()
    world.settle()
    assert world.own.last() is None, "what it was is not known to hold"


def test_what_hangs_grows_old_aloud(caplog):
    world = World()
    world.own.latest()
    world.go.clear()
    world.own.latest()
    world.now_s = snapshot.OLDEST_S
    assert world.own.latest() == 0
    world.now_s += 1
    assert world.own.latest() is None
    assert world.own.latest() is None
    (record,) = [r for r in caplog.records if r.levelname == "ERROR"]
    assert "unknown until it has ended" in record.getMessage()
    world.settle()
    world.own.renew()
    world.settle()
    assert world.own.last() == 0


def test_a_later_reading_is_not_replaced_by_an_earlier_one():
    world = World()
    world.own.latest()
    world.go.clear()
    world.own.renew()
    while world.begun < 2:
        time.sleep(0.001)
    early = world.own._done
    world.now_s += 1
    world.own._kept = snapshot._Kept(world.now_s, 7)
    world.go.set()
    assert early.wait(10)
    assert world.own.last() == 7


def test_without_a_thread_the_last_one_stays(monkeypatch, caplog):
    world = World()
    world.own.latest()

    def start(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    world.value = 1
    assert world.own.latest() == 0
    assert "can't start new thread" in caplog.text
    monkeypatch.undo()
    world.own.renew()
    world.settle()
    assert world.own.last() == 1


@pytest.mark.parametrize("seconds", [0.05, 0.3])
def test_what_an_audit_waits(seconds):
    """Of several the quickest: the machine may be busy."""

    def read():
        time.sleep(seconds)
        return 1

    own = Snapshot(read)
    own.latest()
    waited = []
    for _ in range(5):
        begin_s = time.monotonic()
        own.latest()
        waited.append(time.monotonic() - begin_s)
    assert min(waited) < QUICK_S
