# SPDX-License-Identifier: Apache-2.0
"""How the computes are to run: stock Nova or the plugin, which options."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from livelab.cloud.ini import Sections
from livelab.errors import LabError

Driver = Literal["stock", "plugin"]
DRIVERS: tuple[str, ...] = get_args(Driver)


@dataclass(frozen=True)
class Mode:
    """options go to the computes, controller_options to API and scheduler;
    of_host and env to the computes that they name.

    A [livemig_gpu] section in options goes to both: the API validates
    extra specs by the same settings the driver obeys.
    """

    driver: Driver = "stock"
    options: Sections = field(default_factory=dict)
    controller_options: Sections = field(default_factory=dict)
    of_host: Mapping[str, Sections] = field(default_factory=dict)
    env: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.driver not in DRIVERS:
            raise LabError(
                f"driver {self.driver!r}: must be one of {', '.join(DRIVERS)}"
            )


def save(state: Path, mode: Mode) -> None:
    """Remember the mode for the next process that asks."""
    text = json.dumps(asdict(mode), default=str, indent=1)
    _file(state).write_text(text + "\n")


def load(state: Path) -> Mode:
    """The mode the cloud was last told; stock when none."""
    try:
        data: Mapping[str, Any] = json.loads(_file(state).read_text())
    except FileNotFoundError:
        return Mode()
    return Mode(**data)


def _file(state: Path) -> Path:
    return state / "mode.json"
