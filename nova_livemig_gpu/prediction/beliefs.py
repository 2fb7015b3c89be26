"""What is believed of a stun's line before and after observations.

Four priors (``prediction.line``), all from the published tables. Two differ
in the line:

* it meets 0 at -0.72 GB: the rest of the state costs what 0.72 GB do
  (0.8 of the belief);
* any line (0.2).

Each of them with two precisions s of a migration, since the tables show both:
whole seconds (1 s, 0.9 of the belief), and a tenth (0.1 s, 0.1 of it; the
P40's rows lie on a line to 0.05 s). b is around 2.8 s/GB in all, the middle
one of the three published lines.

Observations decide between them by their evidence: the belief in each is

    share * p(observations | prior)        all together 1

so that a GPU whose migrations are precise to a tenth of a second is known to a
tenth after a few of them, and whether there is a constant, too: with 1 s alone
0.5 s of constant are within the noise, and stay.

Missing data: without observations the shares are those above.

Example: a device that needs 0.813 s/GB and no more, 2.1, 8.4 and 34 GB (16, 64
and 256 MiB at 80 Mbit/s) seen twice each: 2.1 GB are told 1.71 s, which is
right; with 1 s alone they would be told 2.14 s.
"""

import math
from collections.abc import Sequence

from nova_livemig_gpu.prediction.line import Line, Row, sums
from nova_livemig_gpu.prediction.student import Part

_B0 = 2.8
_ORIGIN_GB = 0.72
#: Of the first line at its origin: 0.1 s; else of both: 7 s, 7 s/GB.
_ORIGIN_WEIGHT = 100.0
_WEAK = 0.02
_ALPHA = 1.0
#: Beside the likeliest prior; what is less likely is left out.
_LEAST = 1e-6
#: (share, weight of the origin), (share, seconds)
_LINES = ((0.8, _ORIGIN_WEIGHT), (0.2, 0.0))
_NOISES_S = ((0.9, 1.0), (0.1, 0.1))


def expect(
    rows: Sequence[Row], n: float, x: float, variance: float
) -> list[Part]:
    """Return the distribution of ``n`` vGPUs that are ``x`` large together.

    :param rows: observations
    :param variance: of their noise, relative to s**2
    """
    seen = sums(rows)
    lines = [prior.learn_sums(seen) for _, prior in _PRIORS]
    believed = [
        math.log(share) + line.log_evidence
        for (share, _), line in zip(_PRIORS, lines, strict=True)
    ]
    most = max(believed)
    weights = [math.exp(each - most) for each in believed]
    return [
        Part(weight / sum(weights), *line.expect(n, x, variance))
        for weight, line in zip(weights, lines, strict=True)
        if weight >= _LEAST
    ]


def _prior(origin_weight: float, noise_s: float) -> Line:
    """Precisions of a Line are relative to its noise: the line itself is
    believed in alike, whatever the noise."""
    weak, weight = (each * noise_s**2 for each in (_WEAK, origin_weight))
    return Line(
        a=_ORIGIN_GB * _B0,
        b=_B0,
        aa=weak + weight,
        ab=-weight * _ORIGIN_GB,
        bb=weak + weight * _ORIGIN_GB**2,
        alpha=_ALPHA,
        beta=_ALPHA * noise_s**2,
    )


_PRIORS = tuple(
    (line_share * noise_share, _prior(weight, noise_s))
    for line_share, weight in _LINES
    for noise_share, noise_s in _NOISES_S
)
