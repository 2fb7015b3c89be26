"""Operators' own steps around a migration, through stevedore.

To write one: subclass :class:`Hook`, register it as an entry point in
``nova_livemig_gpu.hooks`` and name it in ``[livemig_gpu] hooks``. Hooks run
in the order of that option, in nova-compute on the source. A hook that
raises is logged and recorded; the migration goes on.
"""

import abc
from collections.abc import Mapping, Sequence
from typing import Any

from oslo_log import log as logging
from stevedore import named

from nova_livemig_gpu.model import Outcome

LOG = logging.getLogger(__name__)

NAMESPACE = "nova_livemig_gpu.hooks"


class Hook(abc.ABC):
    """What a hook can be told of. ``facts`` names server, source and
    destination."""

    @abc.abstractmethod
    def before_start(self, facts: Mapping[str, Any]) -> None:
        """Called before anything is copied."""

    @abc.abstractmethod
    def ended(self, facts: Mapping[str, Any], outcome: Outcome) -> None:
        """Called when the migration has completed or failed."""


class NullHook(Hook):
    """Does nothing."""

    def before_start(self, facts: Mapping[str, Any]) -> None:
        return None

    def ended(self, facts: Mapping[str, Any], outcome: Outcome) -> None:
        return None


def load(names: Sequence[str]) -> list[tuple[str, Hook]]:
    """Return the named hooks in that order; one that cannot be had is
    logged and left out."""

    def failed(manager: Any, entry_point: Any, error: Exception) -> None:
        LOG.error("Hook %s cannot be loaded: %s", entry_point.name, error)

    manager = named.NamedExtensionManager(
        NAMESPACE,
        list(names),
        invoke_on_load=True,
        name_order=True,
        on_load_failure_callback=failed,
    )
    return [(extension.name, extension.obj) for extension in manager]


def call(
    hooks: Sequence[tuple[str, Hook]], step: str, *args: Any
) -> dict[str, str]:
    """Call one step of every hook.

    :returns: what each failing hook said, by name
    """
    failures = {}
    for name, hook in hooks:
        try:
            getattr(hook, step)(*args)
        except Exception as exc:
            LOG.exception("Hook %s failed in %s", name, step)
            failures[name] = f"{step}: {exc}"
    return failures
