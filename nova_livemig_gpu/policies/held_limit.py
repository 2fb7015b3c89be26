"""When ``adaptive`` lets QEMU stop the guest: its downtime limit by passes.

Names as in ``policies.adaptive``; l is the limit while a pass runs.

QEMU ends a pass as soon as what is left fits into its limit, so that U = B * l
bytes of it stay unsent, and what was dirtied meanwhile comes on top. Whether a
low or a high l ends sooner depends on the guest (``prediction.rest``): for
thousands of passes U and what comes on top may be a little more than a high
limit allows, where l = 30 ms sends all that there is and ends at once; but
where a pass's rest is most of what the guest writes, what is dirtied was
waiting anyway, and a high l, which looks anew sooner, ends alone.

So L begins low, is set for the passes that come, and is raised at the end of a
pass when what it has left is to be the pause.

at the start
    L = L_0 = min(L_max, 30 ms). In the second second of the first pass, where
    a dirty curve was known before the start and goal fast: what
    ``prediction.least`` says, unless L_0 is predicted to end as soon
    (code ``measured``).
at the end of a pass, R fits: R <= B * L_max
    It is to be the pause

    * if the pass has left 90% of what the one before it left (it is level);
    * goal fast: if one more pass, and those after it until three quarters of
      R are left or less, would end more than 2% of the whole migration later
      by the prediction, or two passes that fit have gone by, whatever was
      predicted;
    * goal gentle: if less than a fifth of timeout_s would be left.

    Then L = min(max(1.5 * R / B, 2 * L where R fits into L), L_max) (codes
    ``floor_reached``, ``short_of_time``). QEMU looks within 0.15 s, has sent
    some of R by then, and stops the guest with what is left: the pause is
    R's, not L's. The half above R / B is for the bandwidth that QEMU measures,
    over 100 ms, and for what is dirtied until it looks.
    Else L = L_0 (``held``).
at the end of a pass, R does not fit
    goal gentle, the pass is not level, and timeout_s is not near: L = L_0.
    Level, and L < L_max: L = L_max (``opened``).
    Else as ``prediction.rest`` says: L_0, if that ends within 2% of the whole
    after the best, and a higher L has had 5 passes, 2 s and three times R / B;
    or the least limit not below L that ends within the same (``opened``).
    Neither ends: L_max, for QEMU measures now 10% more, now less.
inside a pass
    QEMU runs several passes between two looks, twice in a row (once is how a
    migration ends): L = L_max, for R is small then.

B is what flows now, where less flows than will, since QEMU takes that.

Missing data: where no sample of the last two seconds tells R, the pass, or
what is sent, 10 s after the start or later, L = L_max (``opened``): Nova would
let QEMU stop as well. Without R or B for less the limit stays as it is;
without a curve from before the start the first pass tells it.

Example: budget 500 ms, L_max 400, B = 113 MiB/s, 77 MiB/s written all over 2
GiB. With l = 400 ms passes of half a second leave 45 MiB unsent and find 25
more: 70, where 45 are allowed. With l = 30 ms they leave 81, 54, 37 MiB: that
fits, L = 400, and the guest stands still for a third of a second.
"""

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Budget,
    Decision,
    DirtyCurve,
    Goal,
    Sample,
)
from nova_livemig_gpu.policies.outlook import Outlook, mib
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.policies.start import sending, whole_memory
from nova_livemig_gpu.prediction import least, precopy, qemu, rest
from nova_livemig_gpu.prediction.least import LATER, LIMITS_MS

HELD_MS = 30
_MARGIN = 1.5
#: A pass that leaves this share of what the one before it left is level.
_LEVEL = 0.9
#: Passes that fit and were let go by on the word of the prediction.
_CHANCES = 2
#: A further pass is to save this share of the pause at least.
_WORTH = 0.75
_RESERVE = 0.2
_FROM_S, _TO_S = 1.0, 2.0
#: After the start, without telemetry.
_BLIND_S = 10.0
#: What a limit that was raised gets to end it, at least.
_PATIENCE_PASSES, _PATIENCE_S, _PATIENCE = 5, 2.0, 3


def held_ms(limit_max_ms: int) -> int:
    """Return L_0."""
    return min(limit_max_ms, HELD_MS)


def after_pass(
    budget: Budget,
    progress: Progress,
    view: Outlook,
    before: DirtyCurve | None,
) -> Decision | None:
    """Return the limit for what comes, or None: it stays.

    :param before: the dirty curve known before the start
    """
    limit = progress.limit_ms
    if limit is None:
        return None
    if view.left_bytes <= _qemu_bps(progress, view) * view.limit_ms / 1e3:
        why = _why_now(budget, progress, view, before)
        if why is not None:
            return _raised(progress, view, *why)
        return _held(progress, view)
    patient = budget.goal is Goal.GENTLE and not _level(progress)
    if patient and not _short_of_time(budget, progress, view):
        return _held(progress, view)
    return _running(progress, view, before)


def without_telemetry(progress: Progress, limit_ms: int) -> Decision | None:
    """Return the most that the limit may be, where passes cannot be seen."""
    limit, newest = progress.limit_ms, progress.sample
    if limit is None or limit >= limit_ms or newest is None:
        return None
    # A sample without a pass is in no window.
    window = (*progress.window, newest)
    if progress.elapsed_s < _BLIND_S or any(map(_tells, window)):
        return None
    return _set(
        limit_ms, "opened", "libvirt does not tell how far the migration is"
    )


def _tells(sample: Sample) -> bool:
    """While disks are copied there is nothing to tell yet."""
    if sample.disk_remaining_bytes:
        return True
    sent = (sample.processed_bytes, sample.memory_bps)
    return (
        sample.remaining_bytes is not None
        and sample.iteration is not None
        and any(each is not None for each in sent)
    )


def _running(
    progress: Progress, view: Outlook, before: DirtyCurve | None
) -> Decision | None:
    """Return the limit for passes that are to come."""
    limit, most = progress.limit_ms or 0, view.limit_ms
    if _level(progress) and limit < most:
        return _opened(progress, view, most)
    ways = _Ways(progress, view, before)
    held_s, open_s = ways.held_s(), ways.open_s(most)
    best_s = min((s for s in (held_s, open_s) if s is not None), default=None)
    if best_s is None:
        return _opened(progress, view, most)
    good_s = best_s + LATER * (progress.elapsed_s + best_s)
    if held_s is not None and held_s <= good_s:
        if not _just_opened(progress, view):
            return _held(progress, view)
        if open_s is None:
            return _opened(progress, view, most)
    for each in LIMITS_MS:
        if limit <= each < most:
            needs_s = ways.open_s(each)
            if needs_s is not None and needs_s <= good_s:
                return _opened(progress, view, each)
    return _opened(progress, view, most)


class _Ways:
    """How long the rest takes, with one limit or another."""

    def __init__(
        self, progress: Progress, view: Outlook, before: DirtyCurve | None
    ) -> None:
        self._curve, self._view = progress.curve(before), view

    def held_s(self) -> float | None:
        """Held back, and raised to the most at the end of a pass."""
        most = self._view.limit_ms
        return self._seconds(most, held_ms(most))

    def open_s(self, limit_ms: float) -> float | None:
        """With one limit from now on."""
        return self._seconds(limit_ms, limit_ms)

    def _seconds(self, limit_ms: float, held: float) -> float | None:
        view = self._view
        return rest.seconds(
            self._curve, view.left_bytes, view.bandwidth_bps, limit_ms, held
        )


def _held(progress: Progress, view: Outlook) -> Decision | None:
    limit, held = progress.limit_ms or 0, held_ms(view.limit_ms)
    if limit <= held:
        return None
    return _set(
        held,
        "held",
        f"{mib(view.left_bytes)} are left; passes that leave less unsent gain "
        "more",
        view,
    )


def _opened(
    progress: Progress, view: Outlook, limit_ms: int
) -> Decision | None:
    if (progress.limit_ms or 0) >= limit_ms:
        return None
    return _set(
        limit_ms,
        "opened",
        f"{mib(view.left_bytes)} are left; shorter passes gain more",
        view,
    )


def _just_opened(progress: Progress, view: Outlook) -> bool:
    """Whether a limit that was raised has not had its time yet."""
    if (progress.limit_ms or 0) <= held_ms(view.limit_ms):
        return False
    pass_s = view.left_bytes / view.bandwidth_bps
    patience_s = max(_PATIENCE_S, _PATIENCE * pass_s)
    return (
        progress.pass_count - progress.limit_pass < _PATIENCE_PASSES
        or progress.elapsed_s - progress.limit_s < patience_s
    )


def _why_now(
    budget: Budget,
    progress: Progress,
    view: Outlook,
    before: DirtyCurve | None,
) -> tuple[str, str] | None:
    """Return code and reason where R is to be the pause, or None."""
    left = mib(view.left_bytes)
    if _level(progress):
        return "floor_reached", f"passes have stopped shrinking at {left}"
    if budget.goal is Goal.GENTLE:
        if _short_of_time(budget, progress, view):
            return "short_of_time", "timeout_s is near"
        return None
    if _has_fitted(progress, view):
        return "floor_reached", f"passes end, but not below {left}"
    if _costs(progress, view, before):
        return "floor_reached", f"less than {left} would need more passes"
    return None


def _level(progress: Progress) -> bool:
    newest = progress.passes[-2:]
    if len(newest) < 2:
        return False
    return newest[1].left_bytes >= _LEVEL * newest[0].left_bytes


def _has_fitted(progress: Progress, view: Outlook) -> bool:
    """Whether passes that fit have gone by, whatever was predicted."""
    fits = (each.left_bytes <= view.fits_bytes for each in progress.passes)
    return sum(fits) >= _CHANCES


def _costs(
    progress: Progress, view: Outlook, before: DirtyCurve | None
) -> bool:
    """Whether less of a pause would cost time."""
    now_s = view.left_bytes / view.bandwidth_bps
    later_s = precopy.predict(
        progress.curve(before),
        view.left_bytes,
        view.bandwidth_bps,
        _WORTH * now_s * 1e3,
    ).total_s
    good_s = now_s + LATER * (progress.elapsed_s + now_s)
    return later_s is None or later_s > good_s


def _short_of_time(budget: Budget, progress: Progress, view: Outlook) -> bool:
    if budget.timeout_s is None:
        return False
    rest_s = view.precopy.total_s or view.postcopy_s
    spare_s = budget.timeout_s - progress.elapsed_s - rest_s
    return spare_s < _RESERVE * budget.timeout_s


def _raised(
    progress: Progress, view: Outlook, code: str, reason: str
) -> Decision | None:
    limit = progress.limit_ms or 0
    now_s = view.left_bytes / _qemu_bps(progress, view)
    new = int(_MARGIN * now_s * 1e3) + 1
    if now_s * 1e3 <= limit:
        new = max(new, 2 * limit)
    new = min(new, view.limit_ms)
    if new <= limit:
        return None
    return _set(new, code, reason, view)


def _qemu_bps(progress: Progress, view: Outlook) -> float:
    """What QEMU multiplies its limit with: what flows now, where less flows
    than will (``Progress.ahead_bps``)."""
    return progress.bandwidth_bps() or view.bandwidth_bps


def in_first_pass(
    progress: Progress, before: DirtyCurve | None, limit_max_ms: int
) -> Decision | None:
    """Return the limit from the prediction, or None: it stays held back.

    :param before: the dirty curve known before the start
    """
    now = sending(progress, before)
    if now is None or not _FROM_S <= now.sending_s < _TO_S:
        return None
    if progress.limit_code != "first_limit":
        return None
    memory, rate = whole_memory(now), now.bandwidth_bps
    limit = int(least.limit_ms(memory, now.curve, rate, limit_max_ms))
    held = held_ms(limit_max_ms)
    if limit <= held:
        return None
    open_s = qemu.predict(memory, now.curve, rate, limit).total_s
    if open_s is None:
        return None
    held_s = qemu.predict(
        memory, now.curve, rate, limit_max_ms, held_ms=held
    ).total_s
    if held_s is not None and held_s <= (1 + LATER) * open_s:
        return None
    return _set(
        limit, "measured", f"less than {limit} ms is predicted to end later"
    )


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


def _set(
    limit_ms: int, code: str, reason: str, view: Outlook | None = None
) -> Decision:
    return Decision(
        Action(ActionKind.SET_DOWNTIME, limit_ms),
        code=code,
        reason=reason,
        numbers=view.numbers() if view else {},
    )
