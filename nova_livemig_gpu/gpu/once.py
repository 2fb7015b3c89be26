"""Says a thing once, not with every round of the resource tracker."""

from oslo_log import log as logging

LOG = logging.getLogger(__name__)


class Once:
    """Remembers what was said until it is over.

    A fault is warned of when it begins and told of when it ends; a fault
    that comes back after that is news again.
    """

    def __init__(self) -> None:
        self._said: set[str] = set()

    def warn(self, key: str, message: str) -> None:
        """Warn, unless ``key`` was warned of and is not over."""
        if key in self._said:
            LOG.debug("still: %s", message)
            return
        self._said.add(key)
        LOG.warning("%s", message)

    def over(self, key: str, message: str) -> None:
        """Tell that what was warned of under ``key`` has ended."""
        if key in self._said:
            self._said.discard(key)
            LOG.info("%s", message)
