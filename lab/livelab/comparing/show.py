# SPDX-License-Identifier: Apache-2.0
"""Show what is under way, and remember how long each stage took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

# Without a terminal a line now and then is enough.
QUIET_S = 15.0
# rich assumes 80 columns for what is no terminal; a file has no such limit.
FILE_COLUMNS = 120


class Show:
    """Stages one after the other; `stage` is the one under way."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or _console()
        self.stage = ""
        self.spent: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """A stage that shows its progress itself."""
        self.stage = name
        begin = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - begin
            self.spent[name] = self.spent.get(name, 0.0) + seconds

    @contextmanager
    def step(self, stage: str, name: str) -> Iterator[Callable[[str], None]]:
        """A step of a stage; the body is given a way to say more."""
        with self.timed(stage):
            begin = time.monotonic()
            mark = "[red]✗"
            spinner = Status(escape(name), console=self.console)
            try:
                with _shown(spinner):
                    yield self._sayer(name, spinner, begin)
                mark = "[green]✓"
            finally:
                seconds = time.monotonic() - begin
                self.console.print(f"  {mark}[/] {name}  {seconds:.1f} s")

    def _sayer(
        self, name: str, spinner: Status, begin: float
    ) -> Callable[[str], None]:
        last = begin

        def say(text: str) -> None:
            nonlocal last
            now = time.monotonic()
            if self.console.is_terminal:
                spinner.update(f"{name}  [dim]{escape(text)}[/]")
            elif now - last > QUIET_S:
                last = now
                self.console.print(f"  … {name}  {escape(text)}")

        return say

    def minutes(self) -> Table:
        """How long each stage took."""
        table = Table(box=None, pad_edge=False)
        table.add_column("stage")
        table.add_column("minutes", justify="right")
        for name, seconds in self.spent.items():
            table.add_row(name, f"{seconds / 60:.1f}")
        table.add_row("all", f"{sum(self.spent.values()) / 60:.1f}")
        return table


def _console() -> Console:
    console = Console(highlight=False)
    if console.is_terminal:
        return console
    return Console(highlight=False, width=FILE_COLUMNS)


@contextmanager
def _shown(spinner: Status) -> Iterator[None]:
    """A spinner on terminals only."""
    if not spinner.console.is_terminal:
        yield
        return
    with spinner:
        yield
