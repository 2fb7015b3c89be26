# SPDX-License-Identifier: Apache-2.0
"""A nova-compute that is configured wrongly must say so and stop.

A second nova-compute is started beside the real one, with the wrong value
laid over its file. It must end before it is a service at all.
"""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from livelab.checks.trial import Notes, Trial
from livelab.checks.world import World
from livelab.cloud import conf, conf_nova, ini
from livelab.cloud.ini import Sections
from livelab.cloud.mode import Mode

PATIENCE_S = 30
TAIL = 400
DRIVER = {"compute_driver": "livemig_gpu.LibvirtDriver"}
NO_LIBVIRT = """\
raise ModuleNotFoundError("No module named 'libvirt'", name="libvirt")
"""
WRONG: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "max_downtime_ms": ("3", ("max_downtime_ms", "10")),
    "poll_interval_ms": ("soon", ("poll_interval_ms", "not valid")),
    "policy": ("nosuch", ("policy", "nosuch", "adaptive")),
    "goal": ("quick", ("goal", "quick", "gentle")),
    "postcopy": ("maybe", ("postcopy", "maybe", "forbid")),
    "image_properties": ("nonsense", ("image_properties", "timeout_s")),
}


def options(world: World, notes: Notes) -> None:
    for name, (value, words) in WRONG.items():
        code, said = start(world, {"livemig_gpu": {name: value}})
        judge(notes, f"{name} = {value}", code, said, words)


def door(world: World, notes: Notes) -> None:
    """compute_driver without the notification driver that opens the door."""
    host = world.site.computes[0]
    full = conf_nova.compute(world.site, host, Mode("plugin"))
    # An empty value in a second file would be added, not replace it.
    sections = {
        name: values
        for name, values in full.items()
        if name != "oslo_messaging_notifications"
    }
    code, said = start(world, sections, alone=True)
    judge(notes, "no notification driver", code, said, ("livemig_gpu",))


def libvirt(world: World, notes: Notes) -> None:
    """libvirt-python is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "libvirt.py").write_text(NO_LIBVIRT)
        code, said = start(world, {}, {"PYTHONPATH": folder})
    judge(notes, "no libvirt-python", code, said, ("libvirt", "install"))


def start(
    world: World,
    wrong: Sections,
    env: Mapping[str, str] | None = None,
    *,
    alone: bool = False,
) -> tuple[int, str]:
    """Run it until it ends or patience does (124): code and output.

    alone: with nothing but these sections.
    """
    host = world.site.computes[0]
    file = world.site.etc("nova") / "check-wrong.conf"
    ini.write(file, ini.merge({"DEFAULT": DRIVER}, wrong))
    world.undo.callback(file.unlink, missing_ok=True)
    files = [file] if alone else [conf.compute_file(world.site, host), file]
    done = host.run(
        ["timeout", "-k", "5", str(PATIENCE_S)]
        + [f"{world.site.venv}/bin/nova-compute"]
        + [word for one in files for word in ("--config-file", str(one))],
        check=False,
        env={**world.site.program_env, **(env or {})},
    )
    return done.returncode, done.stdout + done.stderr


def judge(
    notes: Notes, what: str, code: int, said: str, words: tuple[str, ...]
) -> None:
    """It stopped, and one line of its log has all the words."""
    notes.expect(f"{what}: stops", code not in (0, 124), f"exit code {code}")
    lines = [re.sub(r"^.*?(ERROR|CRITICAL) ", "", x) for x in said.split("\n")]
    found = [x for x in lines if all(word in x for word in words)]
    notes.expect(
        f"{what}: the log says what is right",
        bool(found),
        found[-1][-TAIL:] if found else said.strip()[-TAIL:],
    )


TRIALS = (
    Trial("options", "wrong options in [livemig_gpu]", options, stock=False),
    Trial(
        "door",
        "compute_driver = livemig_gpu... without the notification driver",
        door,
        stock=False,
    ),
    Trial("no-libvirt", "libvirt-python is missing", libvirt, stock=False),
)
