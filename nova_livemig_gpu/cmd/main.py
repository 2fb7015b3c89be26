"""``nova-livemig-gpu``: what operators ask of this package.

Exit status: 0, 1 where something could not be done, 2 where the command line
or a file it names is wrong; the message names the option.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from nova_livemig_gpu.cmd import history, predict
from nova_livemig_gpu.cmd.failure import Failure, WrongInput

PROGRAM = "nova-livemig-gpu"


def parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands."""
    made = argparse.ArgumentParser(
        prog=PROGRAM, description="GPU-aware live migration for Nova"
    )
    subcommands = made.add_subparsers(
        dest="command", metavar="COMMAND", required=True
    )
    for module in (predict, history):
        module.register(subcommands)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; the entry point of the console script."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments)
    except WrongInput as exc:
        print(f"{PROGRAM} {arguments.command}: error: {exc}", file=sys.stderr)
        return 2
    except Failure as exc:
        print(f"{PROGRAM} {arguments.command}: {exc}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # whoever read has seen enough; nothing more may be written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    sys.exit(main())
