"""Bayesian regression of a straight line: y = a * n + b * x + noise.

The conjugate prior: the noise of an observation has variance s**2 * v with
a known v; s**2 is inverse-gamma(alpha, beta); given it, (a, b) is normal
around (a0, b0) with precision L0 / s**2. With rows r = (n, x):

    L = L0 + sum(r r' / v)            m = L**-1 (L0 m0 + sum(r y / v))
    alpha' = alpha + N / 2
    beta'  = beta + (m0' L0 m0 + sum(y**2 / v) - m' L m) / 2

What a new row will show is Student's t with 2 alpha' degrees of freedom
around r m, with the scale sqrt(beta' / alpha' * (v + r' L**-1 r)). The
evidence for the prior is

    log p(y) = (log|L0| - log|L|) / 2 + alpha log beta - alpha' log beta' + c

where c is the same for priors of the same alpha.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Row:
    """An observation: ``n`` things that are ``x`` large took ``y``.

    :ivar v: variance of its noise, relative to the others'
    """

    n: float
    x: float
    y: float
    v: float


@dataclass(frozen=True)
class Sums:
    """What a line needs of observations: sums over them, divided by v."""

    count: int
    nn: float
    nx: float
    xx: float
    ny: float
    xy: float
    yy: float


def sums(rows: Sequence[Row]) -> Sums:
    """Return them.

    >>> sums([Row(1, 2.0, 3.0, 0.5)]).xy
    12.0
    """
    return Sums(
        len(rows),
        sum(row.n * row.n / row.v for row in rows),
        sum(row.n * row.x / row.v for row in rows),
        sum(row.x * row.x / row.v for row in rows),
        sum(row.n * row.y / row.v for row in rows),
        sum(row.x * row.y / row.v for row in rows),
        sum(row.y * row.y / row.v for row in rows),
    )


@dataclass(frozen=True)
class Line:
    """What is known of a line. Precisions are relative to the noise's."""

    a: float
    b: float
    aa: float
    ab: float
    bb: float
    alpha: float
    beta: float
    log_evidence: float = 0.0

    @property
    def _determinant(self) -> float:
        return self.aa * self.bb - self.ab * self.ab

    def learn(self, rows: Sequence[Row]) -> "Line":
        """Return what is known after these observations."""
        return self.learn_sums(sums(rows))

    def learn_sums(self, seen: Sums) -> "Line":
        """The same, from their sums: for several lines at once."""
        aa, ab, bb = self.aa + seen.nn, self.ab + seen.nx, self.bb + seen.xx
        ya = self.aa * self.a + self.ab * self.b
        yb = self.ab * self.a + self.bb * self.b
        square = self.a * ya + self.b * yb + seen.yy
        ya, yb = ya + seen.ny, yb + seen.xy
        known = replace(self, aa=aa, ab=ab, bb=bb)
        a = (bb * ya - ab * yb) / known._determinant
        b = (aa * yb - ab * ya) / known._determinant
        alpha = self.alpha + seen.count / 2
        beta = self.beta + max(square - a * ya - b * yb, 0.0) / 2
        evidence = math.log(self._determinant / known._determinant) / 2
        evidence += self.alpha * math.log(self.beta)
        evidence -= alpha * math.log(beta)
        return replace(
            known, a=a, b=b, alpha=alpha, beta=beta, log_evidence=evidence
        )

    def expect(self, n: float, x: float, v: float) -> tuple[float, float, int]:
        """Return mean, scale and degrees of freedom of a new row."""
        own = n * n * self.bb - 2 * n * x * self.ab + x * x * self.aa
        spread = v + own / self._determinant
        scale = math.sqrt(self.beta / self.alpha * spread)
        return self.a * n + self.b * x, scale, int(2 * self.alpha)
