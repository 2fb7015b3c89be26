"""Hook ``quiesce``: a server rests while it is switched over.

before_start
    Asks the destination whether it resumes what arrives quiesced
    (``virt.arrivals``): where it does not, or does not answer, nothing is
    quiesced, for nobody could resume it there.
before_switchover
    ``guest-fsfreeze-freeze``, or the option ``quiesce_command`` through
    ``guest-exec``, whose end is waited for.
after_switchover, completed
    Nothing at the source: the server has left it. The destination's driver
    thaws it as soon as it runs there, after a switch to post-copy too, and
    runs ``resume_command``.
failed
    ``guest-fsfreeze-thaw``, or ``resume_command`` where there is a
    ``quiesce_command``, whatever became of the freezing; where it was not
    answered in time it may have happened, or may yet.

Frozen file systems make writers wait, so a freeze that is not followed by
the switchover within ``LONGEST_S`` is thawed by a timer, and the migration
goes on without. Where the agent does not answer, it is asked again for two
minutes. A nova-compute that dies meanwhile thaws what it has frozen when it
is started again (``virt.interrupted``).
"""

import json
import math
import shlex
import threading
import time
from collections.abc import Callable
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu import foreign
from nova_livemig_gpu.migration.hooks import Answer, Facts, Hook
from nova_livemig_gpu.model import Decision, Outcome

LOG = logging.getLogger(__name__)

NAME = "quiesce"
#: What ``guest-fsfreeze-status`` says.
FROZEN = "frozen"
#: Longest time that a server stays frozen without being switched over.
LONGEST_S = 30.0
_AGENT_S = 5
_AGAIN_S = 0.1
#: An agent that has not resumed a server is asked again so often, with so
#: many seconds between.
_TRIES = 24
_TRY_S = 5.0
#: Characters of an agent's answer that an error quotes.
_QUOTED = 500

#: Sends JSON to a guest agent, with seconds to wait, and returns its answer.
Ask = Callable[[str, int], str]


class CommandFailed(Exception):
    """A command has ended in the server, and not well."""


class QuiesceHook(Hook):
    """See the module."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._timers: dict[str, threading.Timer] = {}
        #: Why a migration is not quiesced; None: it may be.
        self._obstacles: dict[str, str | None] = {}
        #: Those that are asked again to resume, and those that have left.
        self._trying: set[str] = set()
        self._left: set[str] = set()

    def before_start(self, facts: Facts) -> Answer:
        why = self.services.no_thaw(facts.destination)
        with self._lock:
            self._obstacles[facts.migration] = why
        if why is None:
            return None
        LOG.warning(
            "Not quiesced for its migration: %s",
            why,
            instance_uuid=facts.server,
        )
        return {"not_quiesced": why}

    def before_switchover(self, facts: Facts, decision: Decision) -> Answer:
        why = self._obstacle(facts)
        if why is not None:
            return {"not_quiesced": why}
        quiesce, _ = self.services.commands()
        if not quiesce and self._frozen(facts):
            return {"not_quiesced": "its file systems are frozen already"}
        self._thaw_later(facts)
        try:
            done = self._ask(facts, quiesce, "guest-fsfreeze-freeze")
        except CommandFailed:
            self._forget(facts)
            self._resume(facts)
            raise
        except Exception:
            # It may happen yet: the timer, or the end, resumes it again.
            self._resume(facts)
            raise
        if not self._remembered(facts):
            # It took too long, and was resumed before it rested.
            return {"resumed": self._resume(facts)}
        return {"quiesced": quiesce or "file systems", "agent": done}

    def after_switchover(self, facts: Facts) -> Answer:
        self._forget(facts)
        with self._lock:
            if facts.migration in self._trying:
                self._left.add(facts.migration)
        return None

    def completed(self, facts: Facts, outcome: Outcome) -> Answer:
        self.after_switchover(facts)
        self._end(facts)
        return None

    def failed(self, facts: Facts, outcome: Outcome) -> Answer:
        self._end(facts)
        if not self._forget(facts):
            return None
        return {"resumed": self._resume(facts)}

    def _obstacle(self, facts: Facts) -> str | None:
        with self._lock:
            return self._obstacles.get(
                facts.migration, "the destination was not asked"
            )

    def _frozen(self, facts: Facts) -> bool:
        """Whether somebody else, such as a backup, has frozen it."""
        try:
            told = self._ask(facts, "", "guest-fsfreeze-status")
        except Exception as exc:
            LOG.debug("%s", exc, instance_uuid=facts.server)
            return False
        return isinstance(told, dict) and told.get("return") == FROZEN

    def _end(self, facts: Facts) -> None:
        with self._lock:
            self._obstacles.pop(facts.migration, None)

    def _thaw_later(self, facts: Facts) -> None:
        timer = threading.Timer(LONGEST_S, self._too_long, [facts])
        timer.daemon = True
        with self._lock:
            self._timers[facts.migration] = timer
        timer.start()

    def _remembered(self, facts: Facts) -> bool:
        with self._lock:
            return facts.migration in self._timers

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
        """Resume it now; where that fails, go on trying in a thread."""
        try:
            return self._ask_to_resume(facts)
        except Exception as exc:
            said = foreign.cut(str(exc), _QUOTED)
            LOG.error("%s", said, instance_uuid=facts.server)
            self._try_again(facts)
            return f"failed: {said}"

    def _ask_to_resume(self, facts: Facts) -> Any:
        quiesce, resume = self.services.commands()
        if resume and not quiesce:
            # Nothing is run in a server whose file systems are frozen.
            self._ask(facts, "", "guest-fsfreeze-thaw")
        return self._ask(facts, resume, "guest-fsfreeze-thaw")

    def _try_again(self, facts: Facts) -> None:
        with self._lock:
            if facts.migration in self._trying:
                return
            self._trying.add(facts.migration)
        threading.Thread(
            target=self._try, args=[facts], name="livemig-thaw", daemon=True
        ).start()

    def _try(self, facts: Facts) -> None:
        for _ in range(_TRIES):
            time.sleep(_TRY_S)
            if facts.migration in self._left:
                break  # its destination resumes it
            try:
                self._ask_to_resume(facts)
            except Exception as exc:
                LOG.debug("%s", exc, instance_uuid=facts.server)
                continue
            LOG.info("Resumed after all", instance_uuid=facts.server)
            break
        else:
            LOG.error(
                "Its agent does not answer: this server may still be "
                "quiesced. Thaw it (virsh domfsthaw), or reboot it.",
                instance_uuid=facts.server,
            )
        with self._lock:
            self._trying.discard(facts.migration)
            self._left.discard(facts.migration)

    def _ask(self, facts: Facts, command: str, otherwise: str) -> Any:
        def ask(text: str, timeout_s: int) -> str:
            return self.services.agent(facts.server, text, timeout_s)

        if command:
            return run(ask, command)
        return foreign.plain(json.loads(ask(plain(otherwise), _AGENT_S)))


def run(ask: Ask, command: str) -> Any:
    """Run a command in the guest and wait for its end, 5 s at most.

    A question about it that is not answered is asked again in that time.

    :returns: what ``guest-exec-status`` tells in the end
    :raises CommandFailed: its exit code is not 0
    :raises TimeoutError: it has not ended yet, and goes on
    :raises ValueError: there is no such command, or the agent's answer is none
    :raises Exception: the agent could not be asked
    """
    until_s = time.monotonic() + _AGENT_S
    pid = _pid(ask(execute(command), _AGENT_S))
    status = json.dumps(
        {"execute": "guest-exec-status", "arguments": {"pid": pid}}
    )
    while (left_s := until_s - time.monotonic()) > 0:
        ended = _status(ask, status, math.ceil(left_s))
        if ended is not None:
            return _judged(command, ended)
        time.sleep(_AGAIN_S)
    raise TimeoutError(f"{command!r} has not ended within {_AGENT_S} s")


def _status(ask: Ask, status: str, timeout_s: int) -> dict[str, Any] | None:
    """None: it runs, or nobody answers."""
    try:
        told = _returned(ask(status, timeout_s))
    except Exception as exc:
        LOG.debug("A command's state is unknown: %s", exc)
        return None
    return told if told.get("exited") else None


def _judged(command: str, ended: dict[str, Any]) -> dict[str, Any]:
    code = ended.get("exitcode", f"signal {ended.get('signal')}")
    if code != 0:
        said = foreign.cut(str(code), _QUOTED)
        raise CommandFailed(f"{command!r} ended with {said} in the server")
    told: dict[str, Any] = foreign.plain(ended)
    return told


def _pid(answer: str) -> int:
    pid = _returned(answer).get("pid")
    if not isinstance(pid, int):
        raise _strange(answer)
    return pid


def _returned(text: str) -> dict[str, Any]:
    told = json.loads(text)
    found = told.get("return") if isinstance(told, dict) else None
    if not isinstance(found, dict):
        raise _strange(text)
    return found


def _strange(answer: str) -> ValueError:
    said = foreign.cut(answer, _QUOTED)
    return ValueError(f"the guest agent answered {said}")


def plain(name: str) -> str:
    """Return the JSON of an agent command without arguments."""
    return json.dumps({"execute": name})


def execute(command: str) -> str:
    """Return the JSON that runs a command in the guest.

    :raises ValueError: it is none

    >>> execute("/usr/bin/pause all")[:36]
    '{"execute": "guest-exec", "arguments'
    """
    try:
        path, *arguments = shlex.split(command)
    except ValueError as exc:
        raise ValueError(
            f"{command!r} is no command: {exc}; see quiesce_command and "
            "resume_command"
        ) from exc
    return json.dumps(
        {
            "execute": "guest-exec",
            "arguments": {"path": path, "arg": arguments},
        }
    )
