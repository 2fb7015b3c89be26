"""The hooks of one driver: loaded once, called for each migration."""

import functools
from dataclasses import replace
from typing import Any

import nova.conf
from oslo_log import log as logging

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.migration import hooks
from nova_livemig_gpu.migration.audit import audit
from nova_livemig_gpu.migration.hook_calls import HookCalls
from nova_livemig_gpu.migration.hooks import Facts, Services
from nova_livemig_gpu.migration.loop import Watcher
from nova_livemig_gpu.model import (
    Budget,
    Decision,
    JobState,
    Outcome,
    StartPlan,
    Surroundings,
)
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.virt import agent
from nova_livemig_gpu.virt.service import Service

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF

_QUIESCE = "quiesce"


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
            ),
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

    def arrived(self, instance: Any) -> None:
        """Resume a server that was quiesced at its source. Never raises."""
        if _QUIESCE not in self._names:
            return
        try:
            _, command = self._commands()
            done = agent.resume(
                self._service.driver._host, instance.uuid, command
            )
        except Exception as exc:
            LOG.warning(
                "This server may still be quiesced: %s",
                exc,
                instance=instance,
            )
            return
        if done is not None:
            LOG.info("After its migration %s", done, instance=instance)

    def _commands(self) -> tuple[str, str]:
        options = self._service.options.read()
        return options.quiesce_command, options.resume_command


def _agent(service: Service, server: str, command: str, timeout_s: int) -> str:
    return agent.ask(service.driver._host, server, command, timeout_s)


class HookWatcher(Watcher):
    """Tells hooks what the loop sees."""

    def __init__(self, calls: HookCalls) -> None:
        self._calls = calls

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
