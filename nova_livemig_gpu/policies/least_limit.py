"""``goal = fast`` of ``adaptive``: the least limit that costs no time.

L_max holds from the start. In the second second of the first pass, where a
dirty curve was known before the start, L becomes what ``prediction.least``
says, with B as measured so far. It is raised again

* at the end of a pass, to the least of them by which the rest
  (``prediction.precopy``) ends within 2% of the whole after what L_max would
  need;
* to L_max, at the end of a pass, where not even that converges by the
  prediction, where the pass left 90% of what the one before it left, and
  where two passes have left what fits into L_max: it would be over by now,
  whatever was predicted;
* to L_max, when QEMU has run several passes between two looks, twice in a
  row: once is how a migration ends.

Missing data: without a curve, bytes left or B, and in a first pass of less
than a second, L stays what it is.

Example: an idle guest of 240 MiB, 45 MiB/s, L_max 200 ms: 5.3 s with any of
them. L = 30 ms, and the pause is 170 ms shorter.
"""

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Decision,
    DirtyCurve,
)
from nova_livemig_gpu.policies.outlook import Outlook
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.policies.start import sending, whole_memory
from nova_livemig_gpu.prediction import least, precopy
from nova_livemig_gpu.prediction.least import LATER, LIMITS_MS

_LEVEL = 0.9
_CHANCES = 2
_FROM_S, _TO_S = 1.0, 2.0


def in_first_pass(
    progress: Progress, before: DirtyCurve | None, limit_max_ms: int
) -> Decision | None:
    """Return the limit from the prediction, or None.

    :param before: the dirty curve known before the start
    """
    now = sending(progress, before)
    if now is None or not _FROM_S <= now.sending_s < _TO_S:
        return None
    if progress.limit_code != "first_limit":
        return None
    limit = int(
        least.limit_ms(
            whole_memory(now), now.curve, now.bandwidth_bps, limit_max_ms
        )
    )
    if limit >= limit_max_ms:
        return None
    return _set(
        limit,
        "measured",
        f"{limit_max_ms} ms are predicted to end no sooner",
    )


def after_pass(
    progress: Progress, view: Outlook, before: DirtyCurve | None
) -> Decision | None:
    """Return a higher limit, or None."""
    limit = progress.limit_ms
    if limit is None or limit >= view.limit_ms:
        return None
    most_s = view.precopy.total_s
    if most_s is None or _stalled(progress, view):
        return _set(
            view.limit_ms, "floor_reached", f"{limit} ms are not enough"
        )
    curve = progress.curve(before)
    good_s = most_s + LATER * (progress.elapsed_s + most_s)
    for each in (limit, *LIMITS_MS, view.limit_ms):
        if not limit <= each <= view.limit_ms:
            continue
        rest_s = precopy.predict(
            curve, view.left_bytes, view.bandwidth_bps, each
        ).total_s
        if rest_s is not None and rest_s <= good_s:
            if each == limit:
                return None
            return _set(
                each, "floor_reached", f"{limit} ms would need more passes"
            )
    return None


def _stalled(progress: Progress, view: Outlook) -> bool:
    """Whether the prediction that a lower limit will do has failed."""
    left = [each.dirtied_bytes + each.unsent_bytes for each in progress.passes]
    if len(left) > 1 and left[-1] >= _LEVEL * left[-2]:
        return True
    return sum(each <= view.fits_bytes for each in left) >= _CHANCES


def in_haste(progress: Progress, limit_max_ms: int) -> Decision | None:
    """Return L_max when QEMU runs several passes between two looks."""
    limit = progress.limit_ms
    if limit is None or limit >= limit_max_ms:
        return None
    newest = progress.passes[-2:]
    if len(newest) < 2 or not all(each.merged for each in newest):
        return None
    return _set(
        limit_max_ms, "floor_reached", f"passes end, but not below {limit} ms"
    )


def _set(limit_ms: int, code: str, reason: str) -> Decision:
    return Decision(
        Action(ActionKind.SET_DOWNTIME, limit_ms), code=code, reason=reason
    )
