"""Proxmox VE's loop, step by step."""

from itertools import pairwise

from nova_livemig_gpu.model import Surroundings
from nova_livemig_gpu.policies.progress import Progress
from nova_livemig_gpu.policies.proxmox import Count, ProxmoxPolicy
from tests.builders import budget, sample
from tests.scripted import run

POLICY = ProxmoxPolicy(budget(), Surroundings(overhead_ms=100))


def looked(*left_mib):
    kept = Count()
    for left in left_mib:
        kept = POLICY.look(kept, Progress(sample=sample(1, 1, 0, left)))
    return kept


def test_only_rises_count():
    assert looked(5, 5, 4, 6, 3, 9).rises == 2


def test_nothing_left_counts():
    assert looked(5, 0, 0).rises == 2


def test_the_first_look_and_blind_ones_do_not_count():
    assert looked(0).rises == 0
    assert looked(5, None, 9, 10).rises == 1


def test_the_sixth_doubles_the_limit():
    kept = looked(*range(1, 7))
    assert (kept.rises, kept.limit_ms) == (5, 100)
    kept = looked(*range(1, 8))
    assert (kept.rises, kept.limit_ms) == (0, 200)


def test_the_limit_stops_at_2000_s():
    assert looked(*range(1, 200)).limit_ms == 2_000_000


def swinging(t):
    """Passes of 5 s, each leaves 1000 MiB."""
    return sample(t, 1 + int(t / 5), 50 * t, 1000 - 50 * (t % 5))


def test_the_documented_example():
    events, job = run(POLICY, swinging, 62)
    assert [(round(t), what, value) for t, what, value in events] == [
        (0, "limit", 100),
        (30, "limit", 200),
        (60, "limit", 400),
    ]
    assert job.looks[-1] >= 62


def test_near_the_end_it_looks_ten_times_a_second():
    kept = POLICY.remember(Progress(sample=swinging(0.0)))
    far = Progress().advance(sample(0, 1, 0, 100))
    far = far.advance(sample(1, 1, 50, 51))
    near = far.advance(sample(2, 1, 100, 49))
    assert POLICY.wait_s(POLICY.look(kept.kept, far), far) == 1
    assert POLICY.wait_s(POLICY.look(kept.kept, near), near) == 0.1


def test_it_never_gives_up():
    events, _ = run(POLICY, swinging, 3000, poll_s=1)
    assert {what for _, what, _ in events} == {"limit"}
    limits = [value for _, _, value in events]
    assert all(b == 2 * a for a, b in pairwise(limits[:-1]))
