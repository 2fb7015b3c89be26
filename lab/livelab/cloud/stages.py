# SPDX-License-Identifier: Apache-2.0
"""Show what is being done, and for how long; several things at once."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.progress import (
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

Step = tuple[str, Callable[[], None]]


class Stages:
    """Running stages turn; a finished one leaves a line with its seconds.

    Without a terminal only the lines are written, as each one finishes.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._begin = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what the body does, under this name."""
        task = self._progress.add_task(name)
        begin = time.monotonic()
        mark = "[red]✗"
        try:
            yield
            mark = "[green]✓"
        finally:
            self._progress.remove_task(task)
            seconds = time.monotonic() - begin
            self._console.print(f"  {mark}[/] {name}  {seconds:.1f} s")

    def run(self, name: str, function: Callable[[], None]) -> None:
        """One stage that is one call."""
        with self.stage(name):
            function()

    def lanes(self, *lanes: list[Step]) -> None:
        """Each lane's steps in order, the lanes beside each other.

        The first failure is raised when all lanes have come to an end.
        """

        def walk(steps: list[Step]) -> None:
            for name, function in steps:
                self.run(name, function)

        with ThreadPoolExecutor(len(lanes)) as pool:
            for done in [pool.submit(walk, steps) for steps in lanes]:
                done.result()

    def total(self, what: str) -> None:
        """The last line: all of it, in seconds."""
        seconds = time.monotonic() - self._begin
        self._console.print(f"{what} after {seconds:.0f} s")
