# SPDX-License-Identifier: Apache-2.0
"""The machines' clocks; without any machine."""

import re
import time

import pytest
from livelab.errors import LabError
from livelab.vfio import clock


class Machine:
    """Its clock is ahead; some of its answers take their time."""

    def __init__(self, ahead_s, slow_s=(0.0, 0.2, 0.05)):
        self.ahead_s = ahead_s
        self._slow_s = slow_s
        self._asked = 0

    def run(self, script):
        if "clock_settime" in script:
            (less,) = re.findall(r"\(\) - \((-?[0-9.]+)\)", script)
            self.ahead_s -= float(less)
            return ""
        self._asked += 1
        time.sleep(self._slow_s[self._asked % len(self._slow_s)] / 10)
        return f"{time.time() + self.ahead_s:.6f}\n"


@pytest.mark.parametrize("ahead_s", [0.0, 0.131, -0.372, 3600.0])
def test_clocks_agree_afterwards(ahead_s):
    machines = Machine(ahead_s), Machine(0.01)
    assert clock.ahead_s(machines[0]) == pytest.approx(ahead_s, abs=5e-3)
    clock.set_right(machines)
    assert [m.ahead_s for m in machines] == pytest.approx([0, 0], abs=5e-3)


def test_no_answer_is_an_error():
    class Gone:
        def run(self, script):
            raise LabError("hv1: no answer")

    with pytest.raises(LabError, match="no answer"):
        clock.set_right([Gone()])
