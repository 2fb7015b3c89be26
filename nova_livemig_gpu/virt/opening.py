"""Which policy steers a migration, and whether it may start at all."""

from typing import Any

from oslo_log import log as logging

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.exception import MigrationRefused
from nova_livemig_gpu.migration import preflight
from nova_livemig_gpu.migration.hook_calls import HookCalls
from nova_livemig_gpu.migration.record import Record, Records
from nova_livemig_gpu.model import JobState, Outcome, OverBudget
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.virt import choice, surroundings

LOG = logging.getLogger(__name__)


class Opening:
    """What comes before a session of one driver."""

    def __init__(self, driver: Any, policy_at_start: str) -> None:
        """:param policy_at_start: taken where the one of now is missing"""
        self._driver = driver
        self._policy_at_start = policy_at_start

    def policy(
        self,
        options: Options,
        records: Records,
        context: Any,
        instance: Any,
        guest: Any,
        dest: str | None,
        migrate_data: Any,
    ) -> Policy:
        """Return the policy of a server, with all that is known of it.

        :param dest: None: not chosen yet, or not known
        """
        wanted = surroundings.budget_of(options, context, instance)
        around = surroundings.look(
            self._driver,
            options,
            records,
            instance,
            guest,
            migrate_data,
            context,
            dest,
        )
        if dest is not None:
            around = surroundings.with_devices(
                around,
                self._driver,
                options,
                context,
                dest,
                guest,
                migrate_data,
                wanted.bandwidth_mbps,
            )
        return choice.choose(
            wanted, (options.policy, self._policy_at_start), around, instance
        )

    def judge(
        self,
        policy: Policy,
        calls: HookCalls | None,
        record: Record | None,
        instance: Any,
    ) -> None:
        """:raises MigrationRefused: by the budget, or by a hook"""
        reason, verdict = None, preflight.Verdict()
        if policy.budget.policy not in choice.AS_NOVA:
            verdict = preflight.judge(policy.budget, policy.around)
        if verdict.refuse:
            reason = verdict.reason
        elif verdict.reason is not None:
            over = policy.budget.over_budget
            log = LOG.info if over is OverBudget.ALLOW else LOG.warning
            log("Over its budget: %s", verdict.reason, instance=instance)
        if record is not None and verdict.reason is not None:
            record.note(
                over_budget={"reason": verdict.reason, **verdict.numbers}
            )
        if reason is None and calls is not None:
            reason = calls.preflight()
        if reason is None:
            return
        if record is not None:
            record.planned(policy.budget, None)
            record.ended(
                Outcome(JobState.FAILED, reason=reason, code="refused")
            )
        raise MigrationRefused(reason=reason)
