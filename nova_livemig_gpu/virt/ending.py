"""How a migration ended, from all that was seen of its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nova_livemig_gpu.model import JobState, Outcome, Sample
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.virt import errors
from nova_livemig_gpu.virt.waiting import ABORTED, code_of


@dataclass(frozen=True)
class Ended:
    """What was seen.

    :ivar posted: Nova went on to its post-migration step
    :ivar aborted: somebody, or our policy, asked for the job to be aborted
    :ivar operation_error: what ``migrateToURI3`` ended with
    :ivar raised: what ``_live_migration`` of Nova ended with
    :ivar steered: how the job ended, where our loop saw it
    :ivar final: libvirt's statistics of the completed job
    :ivar decisions: as the record has them
    :ivar given_up: why it was, before libvirt had a job; None: it was not
    """

    posted: bool
    aborted: bool
    operation_error: Exception | None
    raised: Exception | None
    steered: Progress | None
    final: Sample | None
    decisions: Sequence[Mapping[str, Any]]
    given_up: str | None = None


def outcome(seen: Ended) -> Outcome:
    """Return how it ended."""
    state = _state(seen)
    found = Outcome(
        state,
        postcopy=bool(seen.steered and seen.steered.postcopy),
        forced=bool(seen.steered and seen.steered.forced),
    )
    final = seen.final
    if final is not None:
        found = replace(
            found,
            # Where Nova's own monitor was at work, this tells.
            postcopy=found.postcopy or bool(final.postcopy_requests),
            total_ms=final.elapsed_ms,
            sent_bytes=final.processed_bytes,
            passes=final.iteration,
            throttle_percent=final.throttle_percent,
            downtime_ms=final.downtime_ms,
            vfio_bytes=final.vfio_bytes,
        )
    if state is JobState.COMPLETED and seen.raised is None:
        return found
    reason, code = _reason(state, seen)
    return replace(found, reason=reason, code=code, downtime_ms=None)


def _state(seen: Ended) -> JobState:
    # Nova goes on to its post step when the server has gone from this
    # host, also when it was deleted there.
    if seen.posted and seen.operation_error is None:
        return JobState.COMPLETED
    if not seen.posted and seen.raised is None and seen.aborted:
        return JobState.CANCELLED
    return JobState.FAILED


def _reason(state: JobState, seen: Ended) -> tuple[str, str]:
    """Return the reason and its code."""
    for decision in reversed(seen.decisions):
        if decision["action"] == "abort" and not decision["refused"]:
            code = str(decision["code"])
            return f"{decision['reason']} ({code})", code
    if state is JobState.CANCELLED:
        reason = seen.given_up or ABORTED
        return reason, code_of(reason)
    # Nova aborts the job when its monitor fails: the operation's error
    # is a consequence then.
    error = seen.raised or seen.operation_error
    if error is None:
        return "unknown; see the log of nova-compute", "failed"
    return errors.told(error), "failed"
