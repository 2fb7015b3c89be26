"""Calls hooks: each call in a thread of its own and with a time bound."""

import functools
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu import foreign
from nova_livemig_gpu.migration.hooks import Facts, Hook, PassFacts
from nova_livemig_gpu.model import Decision, Outcome

LOG = logging.getLogger(__name__)

#: More entries of one hook and step than this are not kept.
_KEPT = 20
#: Characters of a traceback: it ends with what a guest agent may have said.
_MOST_TRACE = 8000


class _Call:
    """One call of one step of one hook."""

    def __init__(self, work: Callable[[], Any], name: str) -> None:
        self.answer: Any = None
        self.error: Exception | None = None
        self._work = work
        self._thread = threading.Thread(
            target=self._run, name=f"livemig-hook-{name}", daemon=True
        )
        self._thread.start()

    def _run(self) -> None:
        try:
            self.answer = self._work()
        except Exception as exc:
            trace = foreign.cut(traceback.format_exc(), _MOST_TRACE)
            LOG.error("Hook call %s failed: %s", self._thread.name, trace)
            self.error = exc

    def ended(self, within_s: float = 0.0) -> bool:
        self._thread.join(within_s)
        return not self._thread.is_alive()


class HookCalls:
    """The hooks of one migration. Nothing raises.

    :ivar notes: what hooks answered and how they failed, by hook and step
    """

    def __init__(
        self,
        hooks: Sequence[tuple[str, Hook]],
        facts: Facts,
        timeout_s: float,
    ) -> None:
        self._hooks = tuple(hooks)
        self.facts = facts
        self._timeout_s = timeout_s
        self._beside: dict[str, _Call] = {}
        self._once: set[str] = set()
        self.notes: dict[str, dict[str, list[Any]]] = {}

    def preflight(self) -> str | None:
        """Return the first reason to refuse; None: nobody objects."""
        for name, hook in self._hooks:
            reason = self._bounded(name, "preflight", hook.preflight)
            if reason is not None:
                return f"{foreign.cut(str(reason))} (hook {name})"
        return None

    def before_start(self) -> None:
        self._all("before_start")

    def asked_before_switchover(self) -> list[str]:
        """Return the hooks that ``before_switchover`` would call now."""
        if "before_switchover" in self._once:
            return []
        return [
            name
            for name, hook in self._hooks
            if type(hook).before_switchover is not Hook.before_switchover
        ]

    def before_switchover(self, decision: Decision) -> None:
        """The first call counts."""
        if self._first("before_switchover"):
            self._all("before_switchover", decision)

    def after_switchover(self) -> None:
        """The first call counts."""
        if self._first("after_switchover"):
            self._all("after_switchover")

    def completed(self, outcome: Outcome) -> None:
        self._all("completed", outcome)

    def failed(self, outcome: Outcome) -> None:
        self._all("failed", outcome)

    def after_pass(self, now: PassFacts) -> None:
        """Start the calls and go on."""
        for name, hook in self._hooks:
            if type(hook).after_pass is Hook.after_pass:
                continue
            before = self._beside.get(name)
            if before is not None:
                if not before.ended():
                    continue
                self._keep(name, "after_pass", before)
            self._beside[name] = _Call(
                functools.partial(hook.after_pass, self.facts, now), name
            )

    def collect(self) -> Mapping[str, Any]:
        """Return the notes, those of calls beside the migration too."""
        for name, call in list(self._beside.items()):
            if call.ended():
                self._keep(name, "after_pass", call)
            else:
                self._note(name, "after_pass", {"error": "still running"})
        self._beside.clear()
        return self.notes

    def _first(self, step: str) -> bool:
        if step in self._once:
            return False
        self._once.add(step)
        return True

    def _all(self, step: str, *args: Any) -> None:
        for name, hook in self._hooks:
            if getattr(type(hook), step, None) is getattr(Hook, step):
                continue
            self._bounded(name, step, getattr(hook, step), *args)

    def _bounded(
        self, name: str, step: str, work: Callable[..., Any], *args: Any
    ) -> Any:
        """Return the answer; None where there is none in time."""
        began = time.monotonic()
        call = _Call(lambda: work(self.facts, *args), name)
        if not call.ended(self._timeout_s):
            LOG.error(
                "Hook %s has not finished %s after %s s and is left to "
                "itself; the migration goes on.",
                name,
                step,
                self._timeout_s,
                instance_uuid=self.facts.server,
            )
            self._note(
                name, step, {"error": f"not finished in {self._timeout_s} s"}
            )
            return None
        self._keep(name, step, call, time.monotonic() - began)
        return call.answer

    def _keep(
        self, name: str, step: str, call: _Call, took_s: float | None = None
    ) -> None:
        note: dict[str, Any] = {}
        if call.error is not None:
            error = f"{type(call.error).__name__}: {call.error}"
            note["error"] = foreign.cut(error)
        if isinstance(call.answer, Mapping):
            note.update(foreign.plain(call.answer))
        elif call.answer is not None:
            note["answer"] = foreign.cut(str(call.answer))
        if note:
            if took_s is not None:
                note["took_s"] = round(took_s, 3)
            self._note(name, step, note)

    def _note(self, name: str, step: str, note: dict[str, Any]) -> None:
        kept = self.notes.setdefault(name, {}).setdefault(step, [])
        if len(kept) < _KEPT:
            kept.append(note)
