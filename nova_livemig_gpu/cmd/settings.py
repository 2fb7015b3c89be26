"""The options of nova.conf for a command, without importing Nova."""

import argparse
from pathlib import Path

from oslo_config import cfg

from nova_livemig_gpu import conf
from nova_livemig_gpu.cmd.failure import WrongInput
from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.exception import InvalidOption
from nova_livemig_gpu.history.store import History

_STATE_PATH = cfg.StrOpt("state_path", default="/var/lib/nova")


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the options that :func:`load` and :func:`open_history` read."""
    parser.add_argument(
        "--config-file",
        action="append",
        metavar="FILE",
        help="nova.conf of the host; may be given again (default: where "
        "Nova looks)",
    )
    parser.add_argument(
        "--history",
        metavar="FILE",
        help="history to learn from (default: that of the host)",
    )


def load(arguments: argparse.Namespace) -> Options:
    """Return the options of this host.

    :raises WrongInput: naming the option
    """
    files = arguments.config_file
    for each in files or ():
        if not Path(each).is_file():
            raise WrongInput("--config-file", f"{each} is not a file")
    found = cfg.ConfigOpts()
    found.register_opt(_STATE_PATH)
    conf.register_opts(found)
    try:
        found([], project="nova", default_config_files=files)
        return conf.load(found)
    except (cfg.Error, InvalidOption) as exc:
        raise WrongInput("--config-file", exc) from exc


def open_history(arguments: argparse.Namespace, write: bool) -> History | None:
    """Return the history; None: there is none, which is fine to learn from.

    :param write: make it where it is not there
    :raises WrongInput: a file that was named is not there
    """
    named = arguments.history
    options = load(arguments)
    path = Path(named or Path(options.state_dir) / "history.sqlite3")
    if not write and not path.is_file():
        if named:
            raise WrongInput("--history", f"{path} is not a file")
        return None
    return History(path, options.max_history)
