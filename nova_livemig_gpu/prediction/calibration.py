"""What past predictions were wrong by makes the next one better.

Of the newest completed migrations, with r = actual / predicted total time
and d = actual - predicted downtime (both of the model alone, before any
correction), n of them:

    factor    = exp(k * median(log r))          k = n / (n + 3)
    offset_ms = k * median(d)
    corrected total    = total * factor
    corrected downtime = max(downtime + offset_ms, 0)

``factor`` stays within 1/2 and 2: what is more wrong than that is not a
matter of calibration. From 5 on, P90 is what the errors themselves say: the
share of 0.9 * (n + 1) / n of the sorted r (d) that is left after the
correction, at least what was known before.

Outliers do not count (medians); a prediction that did not converge is left
as it is, and so is everything where nothing is known.

Example: 6 migrations took 1.10, 1.12, 1.08, 1.11, 1.09 and 2.0 times the
prediction: k = 0.67, factor 1.07; a total of 20 s becomes 21.4 s.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from nova_livemig_gpu.model import Prediction

_CAUTION = 3
_MOST_FACTOR = 2.0
_FOR_P90 = 5


@dataclass(frozen=True)
class Error:
    """What a model alone predicted, and what came. None: unknown."""

    predicted_s: float
    actual_s: float
    predicted_ms: float | None = None
    actual_ms: float | None = None


@dataclass(frozen=True)
class Correction:
    """What is done to a prediction; the default does nothing.

    :ivar p90_factor: of the corrected total; None: unknown
    :ivar p90_offset_ms: to the corrected downtime; None: unknown
    :ivar count: errors that it was learnt from
    """

    factor: float = 1.0
    offset_ms: float = 0.0
    p90_factor: float | None = None
    p90_offset_ms: float | None = None
    count: int = 0


def learn(errors: Iterable[Error]) -> Correction:
    """Learn from past errors, in any order."""
    known = [e for e in errors if e.predicted_s > 0 and e.actual_s > 0]
    logs = [math.log(e.actual_s / e.predicted_s) for e in known]
    gaps = [
        e.actual_ms - e.predicted_ms
        for e in known
        if e.actual_ms is not None and e.predicted_ms is not None
    ]
    most = math.log(_MOST_FACTOR)
    log_factor = min(max(_shrunk(logs), -most), most)
    offset_ms = _shrunk(gaps)
    p90_log = _p90([each - log_factor for each in logs])
    return Correction(
        math.exp(log_factor),
        offset_ms,
        None if p90_log is None else math.exp(max(p90_log, 0.0)),
        _p90([each - offset_ms for each in gaps]),
        len(known),
    )


def correct(found: Prediction, by: Correction) -> Prediction:
    """Return a model's prediction as past errors make it."""
    if found.total_s is None or found.downtime_ms is None:
        return found
    total_s = found.total_s * by.factor
    downtime_ms = max(found.downtime_ms + by.offset_ms, 0.0)
    p90_s = None if by.p90_factor is None else total_s * by.p90_factor
    p90_ms = by.p90_offset_ms
    if p90_ms is not None:
        p90_ms = downtime_ms + max(p90_ms, 0.0)
    return replace(
        found,
        total_s=total_s,
        downtime_ms=downtime_ms,
        factor=by.factor,
        offset_ms=downtime_ms - found.downtime_ms,
        total_p90_s=_most(p90_s, found.total_p90_s, by.factor, 0.0),
        downtime_p90_ms=_most(
            p90_ms, found.downtime_p90_ms, 1.0, by.offset_ms
        ),
    )


def _shrunk(values: Sequence[float]) -> float:
    if not values:
        return 0.0
    return len(values) / (len(values) + _CAUTION) * median(values)


def _p90(values: Sequence[float]) -> float | None:
    """What one in ten exceeds, the next one included."""
    n = len(values)
    if n < _FOR_P90:
        return None
    return sorted(values)[min(math.ceil(0.9 * (n + 1)), n) - 1]


def _most(
    learnt: float | None, before: float | None, factor: float, plus: float
) -> float | None:
    if before is not None:
        before = max(before * factor + plus, 0.0)
    known = [each for each in (learnt, before) if each is not None]
    return max(known) if known else None
