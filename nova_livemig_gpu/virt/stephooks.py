"""The hooks of one driver: loaded once, called for each migration."""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import nova.conf
from nova import rpc as nova_rpc
from oslo_log import log as logging

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.migration import hook_quiesce, hooks
from nova_livemig_gpu.migration.audit import audit
from nova_livemig_gpu.migration.hook_calls import HookCalls
from nova_livemig_gpu.migration.hooks import Facts, Services
from nova_livemig_gpu.migration.loop import Watcher
from nova_livemig_gpu.migration.record import Record
from nova_livemig_gpu.model import (
    Budget,
    Decision,
    JobState,
    Outcome,
    StartPlan,
    Surroundings,
)
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.rpc import client as rpc_client
from nova_livemig_gpu.virt import agent
from nova_livemig_gpu.virt.arrivals import Arrivals
from nova_livemig_gpu.virt.service import Service

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF


#: Longest wait for a destination: hooks have ``hook_timeout_s``, 10 s.
_ASK_S = 5.0
#: In a record: the hooks that were called before its switchover.
ASKED = "asked_before_switchover"


class StepHooks:
    """See the module."""

    def __init__(self, service: Service, names: tuple[str, ...]) -> None:
        self._service = service
        self._names = names
        self._hooks = hooks.load(
            names,
            Services(
                gpus=service.gpus,
                agent=functools.partial(_agent, service),
                audit=functools.partial(audit, CONF),
                commands=self._commands,
                no_thaw=self._no_thaw,
            ),
        )
        self._arrivals = (
            Arrivals(service, self._commands)
            if hook_quiesce.NAME in names
            else None
        )

    def calls(
        self,
        options: Options,
        context: Any,
        instance: Any,
        dest: str,
        migration: str,
        budget: Budget,
        around: Surroundings,
    ) -> HookCalls:
        """Return what calls the hooks for one migration.

        :param migration: its UUID, or "" where there is none yet
        """
        facts = Facts(
            migration=migration,
            server=instance.uuid,
            server_name=instance.display_name,
            source=CONF.host,
            destination=dest,
            request_id=context.request_id,
            user_id=context.user_id,
            project_id=context.project_id,
            budget=budget,
            around=around,
        )
        return HookCalls(self._hooks, facts, options.hook_timeout_s)

    @property
    def arrivals(self) -> Arrivals | None:
        """Resumes what arrives quiesced; None: nobody does."""
        return self._arrivals

    def _no_thaw(self, host: str) -> str | None:
        return rpc_client.Client(nova_rpc.TRANSPORT, _ASK_S).no_thaw(host)

    def _commands(self) -> tuple[str, str]:
        options = self._service.options.read()
        return options.quiesce_command, options.resume_command


def _agent(service: Service, server: str, command: str, timeout_s: int) -> str:
    return agent.ask(service.driver._host, server, command, timeout_s)


class HookWatcher(Watcher):
    """Tells hooks what the loop sees, and the server's user what to know.

    Before hooks may change something in a server the record names them, and
    is written: it is what another nova-compute knows after a crash.
    """

    def __init__(
        self,
        calls: HookCalls,
        record: Record,
        report: Callable[[str], None] = lambda code: None,
    ) -> None:
        """:param report: takes the code of a warning; must not raise"""
        self._calls = calls
        self._record = record
        self._report = report

    def warned(self, decision: Decision) -> None:
        self._report(decision.code)

    def pass_ended(self, progress: Progress) -> None:
        sample = progress.sample
        self._calls.after_pass(
            hooks.PassFacts(
                number=progress.pass_count,
                elapsed_s=progress.elapsed_s,
                remaining_bytes=sample.remaining_bytes if sample else None,
                bandwidth_bps=progress.bandwidth_bps(),
                vfio_bytes=sample.vfio_bytes if sample else None,
            )
        )

    def switchover_ahead(self, decision: Decision) -> None:
        names = self._calls.asked_before_switchover()
        if names:
            self._record.note(**{ASKED: names})
            self._record.write()
        self._calls.before_switchover(decision)

    def switched_over(self) -> None:
        self._calls.after_switchover()


def planned(calls: HookCalls, plan: StartPlan | None) -> None:
    """Give the facts their plan and call ``before_start``."""
    calls.facts = replace(calls.facts, plan=plan)
    calls.before_start()


def ended(calls: HookCalls, outcome: Outcome) -> None:
    """Call ``completed`` or ``failed``."""
    if outcome.state is JobState.COMPLETED:
        calls.after_switchover()
        calls.completed(outcome)
    else:
        calls.failed(outcome)
