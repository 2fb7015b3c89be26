"""Hook ``audit``: a line in the audit log for every step."""

from nova_livemig_gpu.migration.audit import AuditEvent
from nova_livemig_gpu.migration.hooks import Answer, Facts, Hook
from nova_livemig_gpu.model import Decision, Outcome


class AuditHook(Hook):
    """Writes what happened between start and end, too."""

    def before_start(self, facts: Facts) -> Answer:
        return self._write(facts, "before_start")

    def before_switchover(self, facts: Facts, decision: Decision) -> Answer:
        return self._write(facts, "before_switchover", reason=decision.reason)

    def after_switchover(self, facts: Facts) -> Answer:
        return self._write(facts, "after_switchover")

    def completed(self, facts: Facts, outcome: Outcome) -> Answer:
        return self._write(facts, "completed", outcome.state.value)

    def failed(self, facts: Facts, outcome: Outcome) -> Answer:
        state, reason = outcome.state.value, outcome.reason
        return self._write(facts, "failed", state, reason)

    def _write(
        self,
        facts: Facts,
        phase: str,
        result: str | None = None,
        reason: str | None = None,
    ) -> Answer:
        self.services.audit(
            AuditEvent(
                event="livemig_gpu.hook",
                phase=phase,
                request_id=facts.request_id,
                user_id=facts.user_id,
                project_id=facts.project_id,
                server=facts.server,
                server_name=facts.server_name,
                source=facts.source,
                destination=facts.destination,
                result=result,
                reason=reason,
            )
        )
        return None
