"""The cases that this project keeps: their bounds hold.

Of each the first seed only; ``bench/replay bench/cases/*/*.json`` runs all.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from nova_livemig_gpu.planning.cases import case_file, trial

KEPT = sorted((Path(__file__).parents[4] / "bench" / "cases").rglob("*.json"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_the_bounds_hold(path):
    for case in case_file.load(path):
        for found in trial.run(replace(case, seeds=case.seeds[:1])):
            assert not found.missed, found.decisions[-3:]


def test_idle_servers_are_no_slower_for_the_sharing(monkeypatch):
    (path,) = (each for each in KEPT if each.stem == "evacuation-mixed")
    (case,) = case_file.load(path)
    shared = list(trial.run(case))
    assert not [each.missed for each in shared if each.missed]
    monkeypatch.setattr(trial, "_terms", lambda *args: None)
    # Unshared the busy ones may never end.
    servers = [
        replace(each, budget=replace(each.budget, timeout_s=300))
        for each in case.servers
    ]
    case = replace(case, servers=tuple(servers))
    for one, other in zip(shared, trial.run(case), strict=True):
        if one.server in (1, 2):
            assert one.total_s <= 1.1 * other.total_s
