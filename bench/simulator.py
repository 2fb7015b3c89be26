"""Simulated migrations a minute, on one core.

    python -m bench.simulator [MIGRATIONS]

Every steering policy in turn on guests of 1 to 32 GiB over links of 10 and 25
Gbit/s, with all kinds of write loads, drawn with a fixed seed; cut after a
minute of model time, which is two to seventy times what the memory needs on
the link. Time is CPU time, so that a busy machine does not count. Prints a
table by policy, the rate, and a checksum of all results: the same in every
run. Exit status 1 where the rate is below the target.
"""

import hashlib
import logging
import random
import statistics
import sys
import time

from nova_livemig_gpu.exception import LiveMigrationError
from nova_livemig_gpu.model import Budget, Goal, OnTimeout
from nova_livemig_gpu.planning import guestwrites as writes
from nova_livemig_gpu.planning.host import Guest, Hosts
from nova_livemig_gpu.planning.simulator import Result, Scenario, simulate
from nova_livemig_gpu.policies import loader

TARGET_PER_MINUTE = 10_000
SEED = 20
GIB = 2**30


def writer(dice: random.Random, memory: float, link_bps: float):
    """A write load of up to three times the link's rate."""
    rate = link_bps * dice.choice((0, 0.1, 0.25, 0.5, 0.8, 1, 2, 3))
    size = memory * dice.choice((0.01, 0.05, 0.2, 0.5))
    kind = dice.randrange(6)
    if kind == 0:
        return writes.Burst(rate, size, dice.uniform(1, 20))
    if kind == 1:
        return writes.Grow(rate, size, dice.uniform(10, 200))
    if kind == 2:
        parts = (
            writes.Sweep(rate * 0.9, size / 9),
            writes.Sweep(rate * 0.1, size),
        )
        return writes.Threads(parts)
    simple = (writes.Sweep, writes.Random, writes.Zipf)[kind - 3]
    return simple(rate, size)


def scenario(number: int) -> Scenario:
    """One migration; the same number, the same migration."""
    dice = random.Random(SEED * 1_000_003 + number)
    memory = dice.choice((1, 2, 4, 8, 16, 32)) * GIB
    hosts = Hosts(dice.choice((10_000, 25_000)), jitter=0.01)
    return Scenario(
        guest=Guest(
            total_bytes=memory,
            nonzero_bytes=int(memory * dice.uniform(0.6, 1.0)),
            writer=writer(dice, memory, hosts.link_bps),
            cpu_share=dice.choice((0.3, 0.6, 1.0)),
        ),
        hosts=hosts,
        budget=Budget(
            policy="any",
            max_downtime_ms=dice.choice((100, 300, 1000)),
            timeout_s=None,
            on_timeout=OnTimeout.CONTINUE,
            postcopy=dice.random() < 0.5,
            auto_converge=dice.random() < 0.5,
            bandwidth_mbps=None,
            goal=Goal.FAST,
        ),
        seed=number,
        cut_s=60.0,
    )


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    logging.disable(logging.CRITICAL)
    kinds = {
        name: kind
        for name in loader.names()
        if (kind := loader.find(name)).steers
    }
    names = list(kinds)
    found: dict[str, list[Result]] = {name: [] for name in names}
    digest = hashlib.sha256()
    refused = 0
    begin = time.process_time()
    for number in range(count):
        name = names[number % len(names)]
        try:
            result = simulate(kinds[name], scenario(number // len(names)))
        except LiveMigrationError:
            refused += 1
            continue
        found[name].append(result)
        digest.update(repr((number, name, result)).encode())
    seconds = time.process_time() - begin
    print(f"{'policy':26}{'completed':>12}{'median s':>10}{'median ms':>11}")
    for name, results in found.items():
        done = [r.seen for r in results if r.completed]
        total_s = statistics.median([x.total_s for x in done] or [0])
        down_ms = statistics.median([x.downtime_ms or 0 for x in done] or [0])
        share = f"{len(done)}/{len(results)}"
        print(f"{name:26}{share:>12}{total_s:>10.1f}{down_ms:>11.0f}")
    rate = count / seconds * 60
    print(f"{count} migrations, {seconds:.1f} s of CPU: {rate:.0f} a minute")
    if refused:
        print(f"{refused} ended because what was asked for was refused")
    print("checksum", digest.hexdigest()[:16])
    return 0 if rate >= TARGET_PER_MINUTE else 1


if __name__ == "__main__":
    sys.exit(main())
