# SPDX-License-Identifier: Apache-2.0
"""What runs, what does not, and what it complained about last."""

import re
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from livelab.cloud import mode, services
from livelab.cloud.service import Service
from livelab.cloud.site import Site
from livelab.errors import LabError

# When, a level in one of the services' ways, and then words: the blank
# lines of a traceback do not count, its last line names the exception.
ERROR = re.compile(
    r"(?P<time>[-\d]+[ T][:\d]+).*?"
    r"( ERROR [\w.]+| CRITICAL [\w.]+|\[ERROR\]|\[error\]|: error :)"
    r"(?P<context> \[.*?\])*\s+(?P<text>\S.*)"
)
MAX_ERROR = 300


@dataclass(frozen=True)
class Row:
    """One service; pid is None when it does not run."""

    name: str
    host: str
    pid: int | None
    state: str
    last_error: str


def rows(site: Site) -> list[Row]:
    """All services, in the order they are started."""
    return [_row(service) for service in services.everything(site)]


def show(site: Site | None = None) -> bool:
    """Print the table; True when all services are ready."""
    site = site or Site()
    console = Console(highlight=False)
    if not site.controller.alive():
        console.print("The cloud is down; lab/up starts it.")
        return False
    found = rows(site)
    console.print(_table(found))
    console.print(f"driver: {mode.load(site.state).driver}")
    for row in found:
        if row.last_error:
            text = escape(f"{row.name}: {row.last_error}")
            console.print(f"last error of {text}")
    return all(row.state == "ready" for row in found)


def _table(found: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("service", "host", "pid", "state"):
        table.add_column(heading, no_wrap=True)
    for row in found:
        color = "green" if row.state == "ready" else "red"
        state = f"[{color}]{row.state}[/]"
        table.add_row(row.name, row.host, str(row.pid or "-"), state)
    return table


def _row(service: Service) -> Row:
    daemon = service.daemon
    process = daemon.running()
    pid = process.pid if process else None
    state = "stopped" if process is None else _state(service)
    host = daemon.host.name
    return Row(service.name, host, pid, state, _last_error(service.log_text()))


def _state(service: Service) -> str:
    ready = service.daemon.ready
    try:
        return "ready" if ready is None or ready() else "not ready"
    except (LabError, OSError):
        return "not ready"


def _last_error(text: str) -> str:
    for line in reversed(text.splitlines()):
        error = ERROR.match(line)
        if error:
            return f"{error['time']} {error['text']}"[:MAX_ERROR]
    return ""
