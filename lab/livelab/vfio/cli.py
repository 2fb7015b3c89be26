# SPDX-License-Identifier: Apache-2.0
"""lab/vfio: up, down, status, shell, module, check, try, cpus,
measure."""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from livelab.cloud import preflight, shell
from livelab.cloud.site import Site
from livelab.cloud.stages import Stages
from livelab.errors import LabError
from livelab.vfio import check, cpus
from livelab.vfio.lab import DEVICES, VfioLab
from livelab.vfio.machine import MACHINE1, MEMORY_MIB, Machine
from livelab.vfio.measure import command as measuring
from livelab.vfio.trials import command as trying


def add(parser: argparse.ArgumentParser) -> None:
    """The commands of lab/vfio."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("up", help="start two machines with mdevs")
    one.add_argument(
        "--device",
        choices=DEVICES,
        help="the kernel's sample, or what is in lab/vgpu (default: the "
        "latter where there is something)",
    )
    one.add_argument(
        "--memory-mib",
        type=int,
        default=MEMORY_MIB,
        metavar="N",
        help="of each machine (default %(default)s)",
    )
    one.add_argument(
        "--rate-mbit",
        type=int,
        metavar="N",
        help="what each machine may send (default: no limit)",
    )
    one.set_defaults(run=_up)
    one = commands.add_parser("down", help="stop and remove them")
    one.set_defaults(run=_down)
    one = commands.add_parser("status", help="what runs, which devices")
    one.set_defaults(run=_status)
    one = commands.add_parser("module", help="build lab/vgpu and load it")
    one.set_defaults(run=_module)
    one = commands.add_parser(
        "check", help="Nova moves servers with a vGPU: stock and plugin"
    )
    check.add(one)
    one = commands.add_parser(
        "try", help="servers with a vGPU whose migration goes wrong"
    )
    trying.add(one)
    one = commands.add_parser(
        "cpus", help="Nova moves servers between different CPUs"
    )
    cpus.add(one)
    one = commands.add_parser(
        "measure", help="pauses with test vGPUs: stock's schedules and ours"
    )
    measuring.add(one)
    one = commands.add_parser("shell", help="a command in a machine")
    one.add_argument("machine", nargs="?", default=MACHINE1.name)
    one.add_argument("command", nargs=argparse.REMAINDER)
    one.set_defaults(run=_shell)


def _lab() -> VfioLab:
    return VfioLab(Site().network)


def _up(arguments: argparse.Namespace) -> int:
    preflight.check_root()
    lab = _lab()
    if not lab.machines[0].daemon.running():
        preflight.check_memory(2 * arguments.memory_mib // 1024 + 1)
    with Stages() as stages:
        stages.run("hosts", lab.network.up)
        with stages.stage("image"):
            _ = lab.image
        stages.run(
            "machines started",
            lambda: lab.start(
                arguments.device, memory_mib=arguments.memory_mib
            ),
        )
        stages.run("machines ready", lab.wait_ready)
        for machine in lab.machines:
            machine.shape(arguments.rate_mbit)
        stages.total("The machines are up")
    return 0


def _down(_: argparse.Namespace) -> int:
    preflight.check_root()
    lab = _lab()
    lab.network.down()
    left = lab.network.leftovers()
    if left:
        raise LabError("still there:\n  " + "\n  ".join(left))
    return 0


def _status(_: argparse.Namespace) -> int:
    lab = _lab()
    table = Table(box=None, pad_edge=False)
    for heading in ("machine", "address", "pid", "state", "devices"):
        table.add_column(heading)
    for machine in lab.machines:
        table.add_row(*_row(machine))
    Console(highlight=False).print(table)
    ready = [each.daemon.running() is not None for each in lab.machines]
    return 0 if all(ready) else 1


def _row(machine: Machine) -> tuple[str, str, str, str, str]:
    process = machine.daemon.running()
    if process is None:
        return machine.name, machine.ip, "-", "stopped", ""
    try:
        types = machine.run(
            "cd /sys/class/mdev_bus 2>/dev/null && for t in */mdev_supported_"
            'types/*; do echo "${t##*/} ($(cat $t/available_instances))";done',
            timeout=10,
        ).split("\n")
        state = "ready"
    except LabError:
        types, state = [], "not ready"
    devices = " ".join(types).strip()
    return machine.name, machine.ip, str(process.pid), state, devices


def _module(_: argparse.Namespace) -> int:
    lab = _lab()
    with Stages() as stages:
        names = lab.reload_modules()
        stages.total(f"{', '.join(names)} loaded in both machines")
    return 0


def _shell(arguments: argparse.Namespace) -> int:
    """In a machine, or in one of the lab's hosts."""
    lab = _lab()
    if arguments.machine in lab.network.hosts:
        return shell.run(arguments.machine, arguments.command)
    machine = lab[arguments.machine]
    script = " ".join(arguments.command)
    if not script:
        if sys.stdin.isatty():
            print(f"{machine.name}: type a script, then Ctrl-D", flush=True)
        script = sys.stdin.read()
    answer = machine.ask(script, timeout=3600)
    sys.stdout.buffer.write(answer.data)
    return answer.code
