"""A file of cases: a scenario (it has ``servers``) or a trace (``passes``)."""

from pathlib import Path

from nova_livemig_gpu.planning.cases import (
    fields,
    scenario_file,
    trace_file,
)
from nova_livemig_gpu.planning.cases.case import Case


def load(path: Path) -> tuple[Case, ...]:
    """Return the cases of a file.

    :raises InvalidCase: naming file and field
    """
    found = fields.read(path)
    if "servers" in found.body:
        return (scenario_file.parse(found),)
    if "passes" in found.body:
        return trace_file.parse(found)
    found.fail("", "it has neither servers (a scenario) nor passes (a trace)")
