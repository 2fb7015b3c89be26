"""The documentation names what there is, and nothing else."""

import re
from pathlib import Path

from nova_livemig_gpu.scheduler import verdict

DOC = Path(__file__).parents[2] / "doc" / "source"


def test_every_code_of_the_filters_is_explained() -> None:
    named = re.findall(
        r"^   \* - ``([a-z_.]+)``$", (DOC / "hosts.rst").read_text(), re.M
    )
    assert sorted(named) == sorted(
        verdict.REFUSALS | verdict.ACCEPTED | set(verdict.OPTIONS)
    )


def test_the_option_that_decides_stands_beside_its_code() -> None:
    rows = re.findall(
        r"^   \* - ``([a-z_.]+)``\n     - .*?\n     -(?: ``(\w+)``)?$",
        (DOC / "hosts.rst").read_text(),
        re.M | re.S,
    )
    shown = {
        code: option
        for code, option in rows
        if code.endswith(("unknown", "differs"))
    }
    assert shown == verdict.OPTIONS
