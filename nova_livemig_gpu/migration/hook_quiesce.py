"""Hook ``quiesce``: a server rests while it is switched over.

before_switchover
    ``guest-fsfreeze-freeze``, or the option ``quiesce_command`` through
    ``guest-exec``, whose end is waited for.
after_switchover, completed
    Nothing at the source: the server has left it. The destination's driver
    thaws what arrives frozen (``virt.thaw``), or runs ``resume_command``.
failed
    ``guest-fsfreeze-thaw`` or ``resume_command``, whatever became of the
    freezing; where it was not answered in time it may have happened.

Frozen file systems make writers wait, so a freeze that is not followed by
the switchover within ``LONGEST_S`` is thawed by a timer, and the migration
goes on without.
"""

import json
import shlex
import threading
import time
from collections.abc import Callable
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu.migration.hooks import Answer, Facts, Hook
from nova_livemig_gpu.model import Decision, Outcome

LOG = logging.getLogger(__name__)

#: Longest time that a server stays frozen without being switched over.
LONGEST_S = 30.0
_AGENT_S = 5
_AGAIN_S = 0.1


class QuiesceHook(Hook):
    """See the module."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timers: dict[str, threading.Timer] = {}

    def before_switchover(self, facts: Facts, decision: Decision) -> Answer:
        quiesce, _ = self.services.commands()
        self._thaw_later(facts)
        try:
            done = self._ask(facts, quiesce, "guest-fsfreeze-freeze")
        except Exception:
            self._resume(facts)
            raise
        return {"quiesced": quiesce or "file systems", "agent": done}

    def after_switchover(self, facts: Facts) -> Answer:
        self._forget(facts)
        return None

    def completed(self, facts: Facts, outcome: Outcome) -> Answer:
        self._forget(facts)
        return None

    def failed(self, facts: Facts, outcome: Outcome) -> Answer:
        if not self._forget(facts):
            return None
        return {"resumed": self._resume(facts)}

    def _thaw_later(self, facts: Facts) -> None:
        timer = threading.Timer(LONGEST_S, self._too_long, [facts])
        timer.daemon = True
        with self._lock:
            self._timers[facts.migration] = timer
        timer.start()

    def _forget(self, facts: Facts) -> bool:
        """Whether it was quiesced and not resumed yet."""
        with self._lock:
            timer = self._timers.pop(facts.migration, None)
        if timer is not None:
            timer.cancel()
        return timer is not None

    def _too_long(self, facts: Facts) -> None:
        if not self._forget(facts):
            return
        LOG.warning(
            "Not switched over %s s after it was quiesced: it is resumed",
            LONGEST_S,
            instance_uuid=facts.server,
        )
        self._resume(facts)

    def _resume(self, facts: Facts) -> Any:
        self._forget(facts)
        _, resume = self.services.commands()
        try:
            return self._ask(facts, resume, "guest-fsfreeze-thaw")
        except Exception as exc:
            LOG.error("%s", exc, instance_uuid=facts.server)
            return f"failed: {exc}"

    def _ask(self, facts: Facts, command: str, otherwise: str) -> Any:
        def ask(text: str) -> str:
            return self.services.agent(facts.server, text, _AGENT_S)

        if command:
            return run(ask, command)
        return json.loads(ask(plain(otherwise)))


def run(ask: Callable[[str], str], command: str) -> Any:
    """Run a command in the guest and wait for its end.

    :param ask: sends JSON to the agent and returns what that answers
    :returns: what ``guest-exec-status`` tells in the end
    :raises TimeoutError: it runs longer than 5 s, and goes on
    :raises RuntimeError: its exit code is not 0
    """
    until_s = time.monotonic() + _AGENT_S
    pid = json.loads(ask(execute(command)))["return"]["pid"]
    status = json.dumps(
        {"execute": "guest-exec-status", "arguments": {"pid": pid}}
    )
    while True:
        told = json.loads(ask(status))
        ended = told["return"]
        if ended["exited"]:
            break
        if time.monotonic() > until_s:
            raise TimeoutError(
                f"{command!r} has not ended within {_AGENT_S} s"
            )
        time.sleep(_AGAIN_S)
    code = ended.get("exitcode", f"signal {ended.get('signal')}")
    if code != 0:
        raise RuntimeError(f"{command!r} ended with {code} in the server")
    return told


def plain(name: str) -> str:
    """Return the JSON of an agent command without arguments."""
    return json.dumps({"execute": name})


def execute(command: str) -> str:
    """Return the JSON that runs a command in the guest.

    >>> execute("/usr/bin/pause all")[:36]
    '{"execute": "guest-exec", "arguments'
    """
    path, *arguments = shlex.split(command)
    return json.dumps(
        {
            "execute": "guest-exec",
            "arguments": {"path": path, "arg": arguments},
        }
    )
