"""Hooks: loaded in order, bounded in time, their failures contained."""

import json
import threading
import time
from dataclasses import replace

import pytest

from nova_livemig_gpu.gpu.null import NullBackend
from nova_livemig_gpu.migration import hook_quiesce, hooks
from nova_livemig_gpu.migration.hook_audit import AuditHook
from nova_livemig_gpu.migration.hook_calls import HookCalls
from nova_livemig_gpu.migration.hook_nvml import NvmlHook
from nova_livemig_gpu.migration.hook_quiesce import QuiesceHook
from nova_livemig_gpu.migration.hooks import Facts, Hook, PassFacts, Services
from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    ActiveVgpu,
    Decision,
    GpuTelemetry,
    JobState,
    Outcome,
    Surroundings,
)
from tests.builders import budget

FACTS = Facts(
    migration="m1",
    server="s1",
    server_name="one",
    source="src",
    destination="dest",
    request_id="req-1",
    user_id="u1",
    project_id="p1",
    budget=budget(),
    around=Surroundings(overhead_ms=100, vfio=True),
)
RAISED = Decision(Action(ActionKind.SET_DOWNTIME, 200), "floor_reached", "ok")
DONE = Outcome(JobState.COMPLETED)
FAILED = Outcome(JobState.FAILED, reason="no")
PASS = PassFacts(1, 1.0, 10, 10.0, None)


class Tell(Hook):
    """Notes what it is called for."""

    def __init__(self):
        self.steps = []

    def preflight(self, facts):
        self.steps.append("preflight")

    def before_start(self, facts):
        self.steps.append("before_start")
        return {"seen": facts.server}

    def before_switchover(self, facts, decision):
        self.steps.append(f"before_switchover {decision.code}")

    def after_switchover(self, facts):
        self.steps.append("after_switchover")

    def completed(self, facts, outcome):
        self.steps.append("completed")

    def failed(self, facts, outcome):
        self.steps.append(f"failed {outcome.reason}")


def calls(*named, timeout_s=5.0):
    return HookCalls(named, FACTS, timeout_s)


def test_the_steps_in_their_order():
    hook = Tell()
    own = calls(("tell", hook))
    assert own.preflight() is None
    own.before_start()
    own.before_switchover(RAISED)
    own.before_switchover(RAISED)
    own.after_switchover()
    own.after_switchover()
    own.completed(DONE)
    own.failed(FAILED)
    assert hook.steps == [
        "preflight",
        "before_start",
        "before_switchover floor_reached",
        "after_switchover",
        "completed",
        "failed no",
    ]
    (note,) = own.collect()["tell"]["before_start"]
    assert note["seen"] == "s1"


def test_preflight_refuses_with_the_first_reason():
    class No(Hook):
        def preflight(self, facts):
            return "its job is not saved"

    last = Tell()
    reason = calls(("no", No()), ("tell", last)).preflight()
    assert reason == "its job is not saved (hook no)"
    assert last.steps == []


@pytest.mark.parametrize(
    "step", ["before_start", "after_switchover", "preflight"]
)
def test_one_that_raises_is_recorded_and_others_are_called(step, caplog):
    class Broken(Hook):
        def fail(self, facts):
            raise ZeroDivisionError("oops")

        before_start = after_switchover = preflight = fail

    last = Tell()
    own = calls(("broken", Broken()), ("tell", last))
    getattr(own, step)()
    assert last.steps == [step]
    (note,) = own.collect()["broken"][step]
    assert note["error"] == "ZeroDivisionError: oops"
    assert "oops" in caplog.text


class Hanging(Hook):
    """Never answers until told."""

    def __init__(self):
        self.free = threading.Event()
        self.called = 0

    def hang(self, *args):
        self.called += 1
        self.free.wait(30)
        return "late refusal"

    preflight = before_start = after_pass = hang


@pytest.fixture
def hanging():
    hook = Hanging()
    yield hook
    hook.free.set()


def test_one_that_hangs_is_left_to_itself(hanging, caplog):
    last = Tell()
    own = calls(("slow", hanging), ("tell", last), timeout_s=0.2)
    began = time.monotonic()
    assert own.preflight() is None
    own.before_start()
    assert time.monotonic() - began < 5
    assert last.steps == ["preflight", "before_start"]
    (note,) = own.collect()["slow"]["before_start"]
    assert "not finished in 0.2 s" in note["error"]
    assert "left to itself" in caplog.text


def test_after_pass_never_waits_and_never_piles_up(hanging):
    own = calls(("slow", hanging))
    began = time.monotonic()
    for _ in range(50):
        own.after_pass(PASS)
    assert time.monotonic() - began < 2
    assert hanging.called == 1
    (note,) = own.collect()["slow"]["after_pass"]
    assert note["error"] == "still running"


def test_after_pass_answers_are_kept():
    class Count(Hook):
        def after_pass(self, facts, now):
            return {"number": now.number}

    own = calls(("count", Count()))
    own.after_pass(PASS)
    own._beside["count"].ended(5)
    own.after_pass(PASS)
    own._beside["count"].ended(5)
    notes = own.collect()["count"]["after_pass"]
    assert [note["number"] for note in notes] == [1, 1]


def test_facts_cannot_be_changed():
    with pytest.raises(AttributeError):
        FACTS.server = "other"


def test_built_in_hooks_are_loaded_in_the_order_of_the_option(caplog):
    found = hooks.load(["quiesce", "no-such-hook", "audit", "nvml"])
    assert [name for name, _ in found] == ["quiesce", "audit", "nvml"]
    assert "no-such-hook" in caplog.text


class Agent:
    """A guest agent that notes its commands."""

    def __init__(self, broken=(), exits=(0,)):
        """:param exits: of the commands, one after the other; None: never"""
        self.asked = []
        self.frozen = "thawed"
        self.broken = broken
        self.exits = exits
        self.pids = 0

    def __call__(self, server, command, timeout_s):
        name = json.loads(command)["execute"]
        if name == "guest-fsfreeze-status":
            return json.dumps({"return": self.frozen})
        if name == "guest-exec-status":
            return self._status(json.loads(command)["arguments"]["pid"])
        self.asked.append(command if "arguments" in command else name)
        if name in self.broken:
            raise TimeoutError("agent is not there")
        if name == "guest-exec":
            self.pids += 1
            return json.dumps({"return": {"pid": self.pids}})
        return '{"return": 1}'

    def _status(self, pid):
        code = self.exits[min(pid, len(self.exits)) - 1]
        if code is None:
            return '{"return": {"exited": false}}'
        return json.dumps({"return": {"exited": True, "exitcode": code}})


def with_services(hook, agent=None, gpus=None, lines=None, commands=("", "")):
    hook.services = Services(
        gpus=gpus or NullBackend(),
        agent=agent or Agent(),
        audit=(lines if lines is not None else []).append,
        commands=lambda: commands,
    )
    return hook


def test_quiesce_freezes_and_leaves_the_thaw_to_the_destination():
    agent = Agent()
    own = calls(("quiesce", with_services(QuiesceHook(), agent)))
    own.before_start()
    own.before_switchover(RAISED)
    own.after_switchover()
    own.completed(DONE)
    assert agent.asked == ["guest-fsfreeze-freeze"]


def test_quiesce_thaws_after_a_failure_once():
    agent = Agent()
    own = calls(("quiesce", with_services(QuiesceHook(), agent)))
    own.before_start()
    own.before_switchover(RAISED)
    own.failed(FAILED)
    own.failed(FAILED)
    assert agent.asked == ["guest-fsfreeze-freeze", "guest-fsfreeze-thaw"]


def test_quiesce_thaws_where_the_freezing_was_not_answered():
    agent = Agent(broken=("guest-fsfreeze-freeze",))
    own = calls(("quiesce", with_services(QuiesceHook(), agent)))
    own.before_start()
    own.before_switchover(RAISED)
    assert agent.asked[-1] == "guest-fsfreeze-thaw"
    (note,) = own.collect()["quiesce"]["before_switchover"]
    assert "agent is not there" in note["error"]


def test_quiesce_does_nothing_to_one_that_was_not_quiesced():
    agent = Agent()
    own = calls(("quiesce", with_services(QuiesceHook(), agent)))
    own.failed(FAILED)
    assert agent.asked == []


def test_what_another_has_frozen_is_left_alone():
    """A backup: its freeze is not ours to thaw."""
    agent = Agent()
    agent.frozen = "frozen"
    own = calls(("quiesce", with_services(QuiesceHook(), agent)))
    own.before_start()
    own.before_switchover(RAISED)
    own.failed(FAILED)
    assert agent.asked == []
    (note,) = own.collect()["quiesce"]["before_switchover"]
    assert "frozen already" in note["not_quiesced"]


def test_nobody_is_frozen_for_a_host_that_would_not_thaw():
    agent = Agent()
    hook = with_services(QuiesceHook(), agent)
    hook.services = replace(
        hook.services, no_thaw=lambda host: f"{host} does not answer"
    )
    own = calls(("quiesce", hook))
    own.before_start()
    own.before_switchover(RAISED)
    own.failed(FAILED)
    assert agent.asked == []
    notes = own.collect()["quiesce"]
    for step in ("before_start", "before_switchover"):
        assert notes[step][0]["not_quiesced"] == "dest does not answer"


def test_a_destination_that_was_not_asked_would_not_thaw():
    agent = Agent()
    own = calls(("quiesce", with_services(QuiesceHook(), agent)))
    own.before_switchover(RAISED)
    assert agent.asked == []


def _until(true, longest_s=10.0):
    end_s = time.monotonic() + longest_s
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.01)


@pytest.mark.parametrize("step", ["timer", "failed"])
def test_a_thaw_that_is_not_answered_is_tried_again(monkeypatch, step):
    monkeypatch.setattr(hook_quiesce, "_TRY_S", 0.02)
    monkeypatch.setattr(hook_quiesce, "LONGEST_S", 0.05)
    agent = Agent(broken=("guest-fsfreeze-thaw",))
    hook = with_services(QuiesceHook(), agent)
    own = calls(("quiesce", hook))
    own.before_start()
    own.before_switchover(RAISED)
    if step == "failed":
        own.failed(FAILED)
    _until(lambda: agent.asked.count("guest-fsfreeze-thaw") >= 3)
    agent.broken = ()
    _until(lambda: not hook._trying)
    thaws = agent.asked.count("guest-fsfreeze-thaw")
    time.sleep(0.1)
    assert agent.asked.count("guest-fsfreeze-thaw") == thaws


def test_what_has_left_is_not_asked_again(monkeypatch, caplog):
    """It was switched over while the timer's thaw was under way."""
    monkeypatch.setattr(hook_quiesce, "_TRY_S", 0.02)
    monkeypatch.setattr(hook_quiesce, "LONGEST_S", 0.05)
    agent = Agent(broken=("guest-fsfreeze-thaw",))
    hook = with_services(QuiesceHook(), agent)
    own = calls(("quiesce", hook))
    own.before_start()
    own.before_switchover(RAISED)
    _until(lambda: hook._trying)
    own.after_switchover()
    own.completed(DONE)
    _until(lambda: not hook._trying)
    assert not hook._left and not hook._obstacles
    assert "may still be quiesced" not in caplog.text


def test_an_agent_that_never_answers_is_given_up(monkeypatch, caplog):
    monkeypatch.setattr(hook_quiesce, "_TRY_S", 0.001)
    agent = Agent(broken=("guest-fsfreeze-thaw",))
    hook = with_services(QuiesceHook(), agent)
    own = calls(("quiesce", hook))
    own.before_start()
    own.before_switchover(RAISED)
    own.failed(FAILED)
    _until(lambda: not hook._trying)
    assert agent.asked.count("guest-fsfreeze-thaw") == 1 + hook_quiesce._TRIES
    assert "may still be quiesced" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps({"return": "x" * 10**7}),
        json.dumps({"return": {"out-data": "QUJD" * 10**6}}),
        json.dumps({"return": [["x" * 1000] * 1000] * 10}),
        json.dumps(["x"] * 10**6),
        '{"return": ' + "[" * 10**5 + "]" * 10**5 + "}",
        "x" * 10**7,
    ],
    ids=range(6),
)
@pytest.mark.parametrize("commands", [("", ""), ("/pause", "/go")])
def test_an_answer_of_10_mb_leaves_a_small_note(answer, commands, caplog):
    hook = with_services(QuiesceHook(), lambda *_: answer, commands=commands)
    hook._try_again = lambda facts: None
    own = calls(("quiesce", hook))
    own.before_start()
    own.before_switchover(RAISED)
    own.failed(FAILED)
    assert len(json.dumps(own.collect())) < 20_000
    assert len(caplog.text) < 40_000


def test_a_hook_that_answers_or_raises_much_leaves_a_small_note(caplog):
    class Talker(Hook):
        def preflight(self, facts):
            return "r" * 10**7

        def before_start(self, facts):
            return {"all": ["x" * 10**4] * 10**3}

        def after_switchover(self, facts):
            raise ValueError("e" * 10**7)

    own = calls(("talker", Talker()))
    assert len(own.preflight()) < 3000
    own.before_start()
    own.after_switchover()
    assert len(json.dumps(own.collect())) < 10_000
    assert "ValueError" in caplog.text and len(caplog.text) < 20_000


def test_which_hooks_will_be_asked_before_the_switchover():
    own = calls(("tell", Tell()), ("nvml", NvmlHook()))
    assert own.asked_before_switchover() == ["tell"]
    own.before_switchover(RAISED)
    assert own.asked_before_switchover() == []


def test_quiesce_does_not_last(monkeypatch):
    monkeypatch.setattr(hook_quiesce, "LONGEST_S", 0.1)
    agent = Agent()
    own = calls(("quiesce", with_services(QuiesceHook(), agent)))
    own.before_start()
    own.before_switchover(RAISED)
    for _ in range(100):
        if len(agent.asked) == 2:
            break
        time.sleep(0.05)
    assert agent.asked[-1] == "guest-fsfreeze-thaw"
    own.failed(FAILED)
    assert len(agent.asked) == 2


def test_quiesce_by_a_command_of_the_operators():
    agent = Agent()
    hook = with_services(
        QuiesceHook(), agent, commands=("/bin/pause 'all jobs'", "/bin/go")
    )
    own = calls(("quiesce", hook))
    own.before_start()
    own.before_switchover(RAISED)
    own.failed(FAILED)
    pause, go = (json.loads(text)["arguments"] for text in agent.asked)
    assert pause == {"path": "/bin/pause", "arg": ["all jobs"]}
    assert go == {"path": "/bin/go", "arg": []}


def test_a_command_that_fails_is_told_and_undone():
    agent = Agent(exits=(3, 0))
    hook = with_services(QuiesceHook(), agent, commands=("/pause", "/go"))
    own = calls(("quiesce", hook))
    own.before_start()
    own.before_switchover(RAISED)
    (note,) = own.collect()["quiesce"]["before_switchover"]
    assert "'/pause' ended with 3 in the server" in note["error"]
    assert '"/go"' in agent.asked[-1]
    own.failed(FAILED)
    assert len(agent.asked) == 2


def test_a_command_that_does_not_end_is_waited_for_5_s(monkeypatch):
    monkeypatch.setattr(hook_quiesce, "_AGENT_S", 0.2)
    agent = Agent(exits=(None, 0))
    hook = with_services(QuiesceHook(), agent, commands=("/pause", "/go"))
    own = calls(("quiesce", hook))
    own.before_start()
    own.before_switchover(RAISED)
    (note,) = own.collect()["quiesce"]["before_switchover"]
    assert "has not ended within 0.2 s" in note["error"]
    assert '"/go"' in agent.asked[-1]
    # It may have ended since.
    own.failed(FAILED)
    assert len(agent.asked) == 3
    assert '"/go"' in agent.asked[-1]


def test_a_command_that_ends_after_the_migration_is_undone(monkeypatch):
    """The hook was left to itself, the migration has failed meanwhile."""
    agent = Agent(exits=(None, 0, 0))
    hook = with_services(QuiesceHook(), agent, commands=("/pause", "/go"))
    own = HookCalls((("quiesce", hook),), FACTS, 0.1)
    own.before_start()
    own.before_switchover(RAISED)
    (note,) = own.collect()["quiesce"]["before_switchover"]
    assert "not finished in 0.1 s" in note["error"]
    own.failed(FAILED)
    assert len(agent.asked) == 2
    agent.exits = (0, 0, 0)
    for _ in range(100):
        if len(agent.asked) == 3:
            break
        time.sleep(0.05)
    assert '"/go"' in agent.asked[2]


def test_file_systems_are_thawed_before_a_command_is_run():
    """There is one for the end only."""
    agent = Agent()
    hook = with_services(QuiesceHook(), agent, commands=("", "/go"))
    own = calls(("quiesce", hook))
    own.before_start()
    own.before_switchover(RAISED)
    own.failed(FAILED)
    assert agent.asked[:2] == ["guest-fsfreeze-freeze", "guest-fsfreeze-thaw"]
    assert '"/go"' in agent.asked[2]


@pytest.mark.parametrize("command", ["  ", "/pause 'all"])
def test_what_is_no_command_is_told(command):
    agent = Agent()
    hook = with_services(QuiesceHook(), agent, commands=(command, ""))
    own = calls(("quiesce", hook))
    own.before_start()
    own.before_switchover(RAISED)
    (note,) = own.collect()["quiesce"]["before_switchover"]
    assert "is no command" in note["error"]
    assert "quiesce_command" in note["error"]


def test_an_answer_that_is_none_is_told():
    hook = with_services(
        QuiesceHook(),
        lambda *_: '{"error": {"desc": "guest-exec is disabled"}}',
        commands=("/pause", ""),
    )
    own = calls(("quiesce", hook))
    own.before_start()
    own.before_switchover(RAISED)
    (note,) = own.collect()["quiesce"]["before_switchover"]
    assert "guest-exec is disabled" in note["error"]


def test_audit_writes_the_steps():
    lines = []
    own = calls(("audit", with_services(AuditHook(), lines=lines)))
    own.before_start()
    own.before_switchover(RAISED)
    own.failed(FAILED)
    assert [line.phase for line in lines] == [
        "before_start",
        "before_switchover",
        "failed",
    ]
    assert lines[-1].reason == "no"
    assert {line.server for line in lines} == {"s1"}


class Gpus(NullBackend):
    def active(self):
        return [
            ActiveVgpu("s1", "0000:3b:00.0", "nvidia-558", 2**30),
            ActiveVgpu("s2", "0000:3b:00.0", "nvidia-558", 2**20),
        ]

    def telemetry(self, gpu_address, server):
        return GpuTelemetry(gpu_percent=40, licensed=(True,))


def test_nvml_captures_before_and_after():
    own = calls(("nvml", with_services(NvmlHook(), gpus=Gpus())))
    own.before_start()
    own.completed(DONE)
    notes = own.collect()["nvml"]
    (vgpu,) = notes["before_start"][0]["vgpus"]
    assert vgpu["framebuffer_used_bytes"] == 2**30
    assert "guest_driver" not in vgpu
    (gpu,) = notes["completed"][0]["gpus"].values()
    assert gpu == {"gpu_percent": 40, "licensed": [True]}


def test_nvml_says_where_nothing_can_be_told():
    own = calls(("nvml", with_services(NvmlHook())))
    own.before_start()
    (note,) = own.collect()["nvml"]["before_start"]
    assert note["vgpus"] in (None, [])
