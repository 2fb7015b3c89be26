# SPDX-License-Identifier: Apache-2.0
"""`openstack flavor set --property livemig_gpu:...` with wrong values."""

from livelab.checks.trial import Notes, Trial
from livelab.checks.trip import answer
from livelab.checks.world import World
from livelab.errors import LabError

FLAVOR = "check-specs"
WRONG = (
    ("max_downtime_ms", "lots", "lots"),
    ("max_downtime_ms", "3", "3"),
    ("max_downtime_ms", "1e99", "1e99"),
    ("max_downtime_ms", "", "integer"),
    ("max_downtime_ms", "-1", "-1"),
    ("max_downtime_ms", "99999999999999999999999", "2000000"),
    ("timeout_s", "3.5", "integer"),
    ("goal", "schnell✓", "gentle"),
    ("policy", "nosuch", "adaptive"),
    ("on_timeout", "ABORT", "force_complete"),
    ("max_downtime", "300", "max_downtime"),
)


def run(world: World, notes: Notes) -> None:
    world.flavor(FLAVOR, {})
    words = ["flavor", "set", FLAVOR, "--property"]
    try:
        world.client.openstack(
            *words, "livemig_gpu:max_downtime_ms=lots", parse=False
        )
        said = "accepted"
    except LabError as error:
        said = " ".join(str(error).split())
    said = said[said.rfind("exit code") :]
    good = "400" in said and "lots" in said
    notes.expect("`flavor set` ...max_downtime_ms=lots: 400", good, said)
    for name, value, word in WRONG:
        _try(world, notes, name, value, word)
    world.flavor(FLAVOR, {"livemig_gpu:max_downtime_ms": "300"})
    notes.show("a right one", "accepted")


def _try(world: World, notes: Notes, name: str, value: str, word: str) -> None:
    try:
        world.flavor(FLAVOR, {f"livemig_gpu:{name}": value})
        said = "accepted"
    except LabError as error:
        said = answer(error)
    notes.expect(
        f"{name} = {value!r}: 400 with the reason",
        said.startswith("400") and word in said,
        said,
    )


TRIAL = Trial("extra-specs", "wrong flavor extra specs", run, stock=False)
