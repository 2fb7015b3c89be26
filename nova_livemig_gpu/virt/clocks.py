"""What two hosts' clocks differ by, told from libvirt's final statistics.

``downtime`` is when the guest runs at its destination, by the clock there,
less when it stopped, by the source's; ``time_elapsed`` likewise
(``qemuDomainJobDataUpdateDowntime`` in libvirt's src/qemu/qemu_domainjob.c).
``downtime_net`` is less what lies between the source's sending of its last
message and the destination's having it, each by its own clock: the message's
way and the difference of the clocks.
"""

from collections.abc import Mapping
from typing import Any

#: A message has no way shorter than nothing, and hardly a longer one than
#: this; beyond it the clocks differ.
MOST_WAY_MS = 50


def apart_ms(stats: Mapping[str, Any]) -> int:
    """How far the destination's clock is ahead, ms; negative: behind.

    0: they agree, to ``MOST_WAY_MS``, or nothing is known. What is told has
    the message's way in it: a clock is never as far ahead as it seems.
    """
    whole, net = stats.get("downtime"), stats.get("downtime_net")
    for each in (whole, net):
        if isinstance(each, bool) or not isinstance(each, int) or each < 0:
            return 0
    assert whole is not None and net is not None
    way = int(whole - net)
    return 0 if 0 <= way <= MOST_WAY_MS else way
