"""``nova``: no steering; Nova's flags, staircase and timeout as they are."""

from nova_livemig_gpu.model import Decision, StartPlan
from nova_livemig_gpu.policies.base import Policy, bandwidth_mib_s
from nova_livemig_gpu.policies.progress import Progress


class NovaPolicy(Policy):
    """The null policy: the driver hands such a migration to Nova."""

    steers = False

    def plan(self) -> StartPlan:
        return StartPlan(
            postcopy=self.budget.postcopy,
            auto_converge=self.budget.auto_converge,
            bandwidth_mib_s=bandwidth_mib_s(self.budget.bandwidth_mbps),
            max_downtime_ms=None,
        )

    def decide(self, progress: Progress) -> Decision | None:
        return None
