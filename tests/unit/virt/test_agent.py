"""What has arrived quiesced is resumed."""

import json
from types import SimpleNamespace

import libvirt
import libvirt_qemu
import pytest

from nova_livemig_gpu.migration.hook_quiesce import CommandFailed
from nova_livemig_gpu.virt import agent


class Host:
    """Nova's Host, with one server whose agent has set answers."""

    def __init__(self, monkeypatch, **answers):
        self.asked = []
        self._answers = answers
        monkeypatch.setattr(libvirt_qemu, "qemuAgentCommand", self._ask)

    def get_connection(self):
        return SimpleNamespace(lookupByUUIDString=lambda server: server)

    def _ask(self, domain, text, timeout_s, flags):
        assert (domain, flags) == ("s1", 0)
        name = json.loads(text)["execute"]
        self.asked.append(name)
        answer = self._answers.get(name.replace("-", "_"))
        if isinstance(answer, Exception):
            raise answer
        return json.dumps({"return": answer})


def test_what_arrives_frozen_is_thawed(monkeypatch):
    host = Host(monkeypatch, guest_fsfreeze_status="frozen")
    done = agent.resume(host, "s1", "")
    assert done == "its file systems were thawed"
    assert host.asked == ["guest-fsfreeze-status", "guest-fsfreeze-thaw"]


def test_what_is_not_frozen_is_left_alone(monkeypatch):
    host = Host(monkeypatch, guest_fsfreeze_status="thawed")
    assert agent.resume(host, "s1", "") is None
    assert host.asked == ["guest-fsfreeze-status"]


def test_the_command_is_run(monkeypatch):
    ended = {"exited": True, "exitcode": 0}
    host = Host(monkeypatch, guest_exec={"pid": 7}, guest_exec_status=ended)
    assert agent.resume(host, "s1", "/go on") == "/go on was run"
    assert host.asked[1:] == ["guest-exec", "guest-exec-status"]


def test_what_is_frozen_is_thawed_before_a_command_is_run(monkeypatch):
    ended = {"exited": True, "exitcode": 0}
    host = Host(
        monkeypatch,
        guest_fsfreeze_status="frozen",
        guest_exec={"pid": 7},
        guest_exec_status=ended,
    )
    done = agent.resume(host, "s1", "/go")
    assert done == "its file systems were thawed and /go was run"
    assert host.asked.index("guest-fsfreeze-thaw") < host.asked.index(
        "guest-exec"
    )


def test_an_agent_that_cannot_freeze_runs_commands(monkeypatch):
    ended = {"exited": True, "exitcode": 0}
    refused = libvirt.libvirtError("no such command")
    host = Host(
        monkeypatch,
        guest_fsfreeze_status=refused,
        guest_exec={"pid": 7},
        guest_exec_status=ended,
    )
    assert agent.resume(host, "s1", "/go") == "/go was run"
    with pytest.raises(libvirt.libvirtError):
        agent.resume(host, "s1", "")


def test_a_command_that_fails_is_an_error(monkeypatch):
    host = Host(
        monkeypatch,
        guest_exec={"pid": 7},
        guest_exec_status={"exited": True, "signal": 9},
    )
    with pytest.raises(CommandFailed, match="'/go' ended with signal 9"):
        agent.resume(host, "s1", "/go")
