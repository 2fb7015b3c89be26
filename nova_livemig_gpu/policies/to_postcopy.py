"""When ``adaptive`` switches to post-copy.

Names as in ``policies.adaptive``. After a pass, with P = R / B:

    pre-copy does not converge                              -> switch
    goal fast, and P saves more than 0.5 s and more than
    10% of the whole migration                              -> switch

At any moment where 5 passes and 2 s have gained nothing, and the best of them
does not fit into the most that the limit may be, or the limit is that: switch.
A rest that is dirtied as fast as it is sent goes on like that for ever, though
the curve may say that the next pass ends.

None of these over a link that has just fallen (``policies.link_fall``): the
switch is put off, once aloud, and made up for inside a pass when the link is
back, if it is still asked for.

Inside the first pass, goal fast and ``postcopy_start = as_predicted``, where
a dirty curve was known before the start: by the law of ``prediction.early``,
with B as measured so far, a second after the first byte at the earliest. The
switch comes when a tenth of the memory would have to be sent once more, and
only where pre-copy would not end or take a quarter longer than the switched
migration in all. The guest runs at the destination earlier then, and fetches
more of its memory when it needs it, so that it starts slowly, and neither
host has all of it for longer. So this is not the default: ``postcopy_start =
after_first_pass`` keeps the pause short and pays with time.

Missing data: no curve from before the start, no bytes left, no bandwidth:
nothing is switched inside the first pass.

Example: 240 MiB at 45 MiB/s, 110 MiB/s written over 96 MiB. Pre-copy does not
end. After 1.4 s all 96 MiB are dirty, and a quarter of the memory was gone
over: 24 MiB are to be sent again, so that the whole takes 5.9 s. After the
first pass, of 5.3 s, it would have been 7.4 s.
"""

from nova_livemig_gpu.model import (
    Action,
    ActionKind,
    Decision,
    DirtyCurve,
)
from nova_livemig_gpu.policies import link_fall
from nova_livemig_gpu.policies.outlook import Outlook, mib
from nova_livemig_gpu.policies.progress import SOCKET_S, Progress
from nova_livemig_gpu.policies.start import sending, whole_memory
from nova_livemig_gpu.prediction import early

#: Said once, where the link has fallen.
PUT_OFF = "link_fallen"
#: Without a gain.
_PASSES, _PASSES_S = 5, 2.0
_SAVING_S = 0.5
_SAVING_SHARE = 0.1


def saves(saving_s: float, whole_s: float) -> bool:
    """Is a switch worth it where pre-copy would end as well?

    :param whole_s: the whole migration with the switch
    """
    return saving_s > max(_SAVING_S, _SAVING_SHARE * whole_s)


def after_pass(
    progress: Progress, view: Outlook, to_save: bool
) -> Decision | None:
    """Return the switch at the end of a pass, or None.

    :param to_save: to save time is reason enough
    """
    ahead = view.precopy
    if not ahead.converges:
        return Decision(
            Action(ActionKind.START_POSTCOPY),
            code="floor_above_budget",
            reason=(
                f"further passes leave {mib(ahead.floor_bytes)} at least, "
                f"{view.limit_ms} ms are good for {mib(view.fits_bytes)}; "
                f"post-copy needs {view.postcopy_s:.1f} s"
            ),
            numbers=view.numbers(),
        )
    if not to_save:
        return None
    assert ahead.total_s is not None
    saving_s = ahead.total_s - view.postcopy_s
    whole_s = progress.elapsed_s + view.postcopy_s
    if not saves(saving_s, whole_s):
        return None
    return Decision(
        Action(ActionKind.START_POSTCOPY),
        code="postcopy_is_faster",
        reason=(
            f"{ahead.passes} more passes would take {ahead.total_s:.1f} s, "
            f"post-copy {view.postcopy_s:.1f} s"
        ),
        numbers=view.numbers(),
    )


def unless_fallen(
    progress: Progress, switch: Decision | None, left_bytes: float
) -> Decision | None:
    """Return the switch, or, where the link has just fallen, what is said
    once (``policies.link_fall``).

    :param left_bytes: what it is to send
    """
    if switch is None or not link_fall.has_fallen(progress, left_bytes):
        return switch
    if progress.warned(PUT_OFF):
        return None
    now = link_fall.flow_bps(progress) or 0.0
    shown = link_fall.shown_bps(progress)
    needs = "for ever" if not now else f"{left_bytes / now:.0f} s"
    return Decision(
        Action(ActionKind.WARN),
        code=PUT_OFF,
        reason=(
            f"no post-copy now: the link carries {mib(now)}/s, it has carried "
            f"{mib(shown)}/s; the switch ({switch.code}) would need {needs} "
            f"instead of {left_bytes / shown:.0f} s and cannot be taken back. "
            f"It is put off until the link is back, or to the deadline"
        ),
        numbers={
            "remaining_bytes": left_bytes,
            "bandwidth_bps": now,
            "shown_bps": shown,
        },
    )


def without_gain(progress: Progress, limit_ms: int) -> Decision | None:
    """Return the switch where further passes gain nothing, or None.

    :param limit_ms: the most that the limit may be
    """
    best, rate = progress.best_bytes, progress.coming_bps()
    if progress.limit_ms is None or best is None or rate is None:
        return None
    if progress.limit_ms < limit_ms and best <= rate * limit_ms / 1e3:
        return None
    passes = progress.pass_count - progress.best_pass
    waited_s = progress.elapsed_s - progress.best_s
    if passes < _PASSES or waited_s < _PASSES_S:
        return None
    return Decision(
        Action(ActionKind.START_POSTCOPY),
        code="no_gain",
        reason=(
            f"the last {passes} passes, {waited_s:.1f} s, have left no less "
            f"than before; the limit is {progress.limit_ms} ms"
        ),
    )


def in_first_pass(
    progress: Progress, before: DirtyCurve | None, limit_ms: int
) -> Decision | None:
    """Return the switch inside the first pass, or None.

    :param before: the dirty curve known before the start
    :param limit_ms: L_max
    """
    now = sending(progress, before)
    if now is None or now.sending_s < SOCKET_S:
        return None
    rate, memory = now.bandwidth_bps, whole_memory(now)
    again = early.again_bytes(now.curve, now.sending_s, now.gone_share)
    if again < early.AGAIN * memory.normal_bytes:
        return None
    alone = early.precopy(memory, now.curve, rate, limit_ms)
    switched_s = early.total_s(memory, rate)
    if not early.pays(alone, switched_s):
        return None
    takes = (
        "not end" if alone.total_s is None else f"take {alone.total_s:.1f} s"
    )
    return Decision(
        Action(ActionKind.START_POSTCOPY),
        code="precopy_foreseen_long",
        reason=(
            f"pre-copy is predicted to {takes}, {switched_s:.1f} s with a "
            f"switch now; {mib(again)} are to be sent again already"
        ),
        numbers={
            "remaining_bytes": now.left_bytes,
            "bandwidth_bps": rate,
            "again_bytes": again,
            "precopy_s": alone.total_s,
            "postcopy_s": switched_s,
        },
    )
