# SPDX-License-Identifier: Apache-2.0
"""What the cloud's APIs tell, as frozen values."""

from dataclasses import dataclass
from typing import Any, Self

FINAL = ("completed", "error", "failed", "cancelled")


@dataclass(frozen=True)
class Server:
    """One server; fault is what its owner is told."""

    id: str
    name: str
    status: str
    task_state: str | None
    host: str | None
    fault: str | None

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Self:
        """From the JSON of GET /servers/ID as admin."""
        return cls(
            id=body["id"],
            name=body["name"],
            status=body["status"],
            task_state=body["OS-EXT-STS:task_state"],
            host=body["OS-EXT-SRV-ATTR:host"],
            fault=body.get("fault", {}).get("message"),
        )


@dataclass(frozen=True)
class Migration:
    """One migration record; seconds from the request to this look at it."""

    id: int
    status: str
    source: str
    dest: str | None
    seconds: float

    @property
    def final(self) -> bool:
        return self.status in FINAL


@dataclass(frozen=True)
class Event:
    """A step of an action, on one service."""

    name: str
    host: str | None
    result: str | None
    details: str | None
    start: str
    finish: str | None


@dataclass(frozen=True)
class Action:
    """What was asked of a server, and how it went."""

    name: str
    request_id: str
    message: str | None
    start: str
    events: tuple[Event, ...]

    @classmethod
    def parse(cls, body: dict[str, Any]) -> Self:
        """From the JSON of GET /servers/ID/os-instance-actions/REQUEST."""
        return cls(
            name=body["action"],
            request_id=body["request_id"],
            message=body["message"],
            start=body["start_time"],
            events=tuple(_event(event) for event in body.get("events", [])),
        )


def _event(body: dict[str, Any]) -> Event:
    return Event(
        name=body["event"],
        host=body.get("host"),
        result=body["result"],
        details=body.get("details"),
        start=body["start_time"],
        finish=body["finish_time"],
    )
