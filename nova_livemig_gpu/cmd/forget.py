"""``nova-livemig-gpu forget``: what is left in Placement after uninstalling.

Nova's libvirt driver keeps traits of a host that it does not know, since
operators may have set them: after ``compute_driver`` is set back, ours would
stay, and flavors go on choosing hosts by them. The stats of a host need no
such care: Nova writes them anew with its first update.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nova_livemig_gpu.cmd import placement
from nova_livemig_gpu.cmd.failure import Failure, WrongInput
from nova_livemig_gpu.cmd.placement import Placement
from nova_livemig_gpu.facts.traits import PREFIX


def register(subcommands: Any) -> None:
    """Add ``forget``."""
    text = f"take the traits {PREFIX}* out of Placement"
    parser = subcommands.add_parser(
        "forget",
        help=text,
        description=f"Run it after compute_driver was set back: {text}. "
        "Hosts that still run the driver set their traits again with their "
        "next update.",
    )
    parser.add_argument(
        "--host",
        metavar="NAME",
        help="only those of this compute node (default: of all, and the "
        "traits themselves)",
    )
    parser.add_argument(
        "--config-file",
        action="append",
        metavar="FILE",
        help="nova.conf with [placement]; may be given again (default: "
        "where Nova looks)",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Run the command."""
    files = arguments.config_file
    for each in files or ():
        if not Path(each).is_file():
            raise WrongInput("--config-file", f"{each} is not a file")
    forget(placement.connect(files), arguments.host)


def forget(asked: Placement, host: str | None) -> None:
    """Remove our traits, and say from where.

    :param host: name of the only provider to touch; None: all
    :raises WrongInput: no provider of that name has any
    :raises Failure: Placement says no, or a trait is there again
    """
    ours = asked.traits(PREFIX)
    touched = list(_remove(asked, ours, host))
    if host is not None:
        if not touched:
            raise WrongInput("--host", f"{host} has no traits {PREFIX}*")
        return
    back = [trait for trait in ours if not asked.delete(trait)]
    if back:
        raise Failure(
            f"{', '.join(back)}: set again meanwhile; some nova-compute "
            "still runs with compute_driver = livemig_gpu.LibvirtDriver"
        )
    print(f"{len(ours)} traits deleted, {len(touched)} hosts had some")


def _remove(
    asked: Placement, ours: list[str], host: str | None
) -> Iterable[str]:
    for uuid in asked.providers(ours):
        if host is not None and asked.provider(uuid).name != host:
            continue
        before = asked.remove(uuid, ours)
        gone = sorted(before.traits.intersection(ours))
        print(f"{before.name}: {', '.join(gone)}")
        yield before.name
