"""What the user of a migration can read, and what only admins can."""

from types import SimpleNamespace
from typing import Any

import pytest

from nova_livemig_gpu.model import JobState, Outcome
from nova_livemig_gpu.virt import report

INSTANCE = SimpleNamespace(uuid="s1")
SECRET = "compute-7 does not answer"


class Events:
    """Nova's events of an action: name -> result and details."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: dict[str, tuple[str, str | None]] = {}
        self.error: Exception | None = None

    def event_start(
        self, context: Any, uuid: str, name: str, **more: Any
    ) -> None:
        assert uuid == "s1"
        if self.error:
            raise self.error
        self.started.append(name)

    def event_finish(
        self, context: Any, uuid: str, name: str, **more: Any
    ) -> None:
        self.ended[name] = ("Success", None)

    def event_finish_with_failure(
        self, context: Any, uuid: str, name: str, exc_val: Any, **more: Any
    ) -> None:
        if self.error:
            raise self.error
        self.ended[name] = ("Error", exc_val.format_message())


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Events:
    made = Events()
    monkeypatch.setattr(
        report, "objects", SimpleNamespace(InstanceActionEvent=made)
    )
    return made


def end(**outcome: Any) -> None:
    report.started(None, INSTANCE, "compute-1")
    report.ended(None, INSTANCE, Outcome(**outcome))


def test_one_that_completes_has_one_event(events: Events) -> None:
    end(state=JobState.COMPLETED)
    assert events.started == [report.EVENT]
    assert events.ended == {report.EVENT: ("Success", None)}


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        ({"code": "timeout"}, "livemig_gpu:timeout"),
        ({"code": None}, "livemig_gpu:failed"),
        ({"code": "x" * 1000}, "livemig_gpu:" + "x" * 238),
    ],
)
def test_the_name_of_an_event_tells_the_code(
    events: Events, outcome: dict[str, Any], name: str
) -> None:
    """By Nova's default policy its user reads names and results only."""
    end(state=JobState.FAILED, reason=SECRET, **outcome)
    assert events.started == [report.EVENT, name]
    assert events.ended[name][0] == "Error"
    assert SECRET not in name
    assert SECRET in str(events.ended[report.EVENT][1])


def test_one_that_was_interrupted(events: Events) -> None:
    head = {"server": "s1", "request_id": "req-1", "samples": ["x"] * 10**6}
    report.interrupted(head, SECRET)
    assert events.started == ["livemig_gpu:interrupted"]
    assert set(events.ended) == {report.EVENT, "livemig_gpu:interrupted"}


def test_a_long_reason_is_cut(events: Events) -> None:
    """Nova's column has a size: a longer one would not be written at all."""
    end(state=JobState.FAILED, reason="r" * 10**7)
    assert len(str(events.ended[report.EVENT][1])) < 3000


def test_what_cannot_be_written_is_told_and_no_more(
    events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    events.error = RuntimeError("no conductor")
    end(state=JobState.FAILED, reason=SECRET)
    head = {"server": "s1", "samples": ["x"] * 10**6}
    report.interrupted(head, SECRET)
    assert caplog.text.count("no conductor") == 3
    assert len(caplog.text) < 3000


@pytest.mark.parametrize("error", [None, RuntimeError("no conductor")])
def test_a_warning_is_an_event_of_its_own_and_no_error(
    events: Events, error: Exception | None
) -> None:
    events.error = error
    report.warned(None, INSTANCE, "not_converging")
    name = "livemig_gpu:not_converging"
    assert events.started == ([] if error else [name])
    assert events.ended == ({} if error else {name: ("Success", None)})
