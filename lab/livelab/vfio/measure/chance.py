# SPDX-License-Identifier: Apache-2.0
"""Whether a median that is too long may be the empty device's own spread.

Of the empty device's pauses a share p is at least ``pause`` long. The median
of n of them is that long as often as more than half of n draws are (n odd;
n even: half of them):

    chance = sum of C(n, k) p**k (1 - p)**(n - k), k >= ceil(n / 2)

Example: 3 of 12 empty devices took 300 ms or more; the median of five pauses
of the same device would be 300 ms or more in 10% of all cases.
"""

import math
from collections.abc import Sequence

#: Below this it is not taken for chance.
UNLIKELY = 0.05


def of_median(empty: Sequence[float], pause: float, number: int) -> float:
    """How likely the median of so many empty pauses is ``pause`` or more.

    Nothing known of the empty device: 0.

    >>> round(of_median([200] * 9 + [300] * 3, 300, 5), 2)
    0.1
    """
    if not empty or not number:
        return 0.0
    share = sum(each >= pause for each in empty) / len(empty)
    return sum(
        math.comb(number, k) * share**k * (1 - share) ** (number - k)
        for k in range(math.ceil(number / 2), number + 1)
    )
