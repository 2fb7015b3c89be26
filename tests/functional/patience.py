"""Nova's functional tests on a slow machine: longer waits, bounded ends.

And one way less to wait for ever. The fixture that stands for Nova's cells
(``CellDatabases``) lets no reader in while a writer waits. A test that runs
the periodic tasks from inside a migration holds a reader's place, and waits
for a thread that needs one, Nova's own look-up of block devices in
``get_available_resource``: where the API comes to write in between, all wait
for each other, the more likely the slower the machine. Here readers go first.
"""

from typing import Any

import fixtures
from nova.tests import fixtures as nova_fixtures

#: Nova's helpers wait some five seconds each; so many times that.
_TIMES = 6


class Patience:
    """Put before a class with Nova's ``InstanceHelperMixin``.

    A test that fails while it holds up a migration must fail, not hang: at
    its end Nova waits for the migration's thread, and that thread for the
    lock, or for a service that is gone (``long_rpc_timeout``, half an hour).
    """

    def setUp(self: Any) -> None:
        self.flags(long_rpc_timeout=60)
        self.useFixture(
            fixtures.MockPatchObject(
                nova_fixtures.ReaderWriterLock, "has_pending_writers", False
            )
        )
        super().setUp()
        self.addCleanup(self._let_go)

    def _let_go(self: Any) -> None:
        lock = getattr(self, "lock_live_migration", None)
        if lock is not None and lock.locked():
            lock.release()

    def _wait_for_server_parameter(self, *args: Any, **kwargs: Any) -> Any:
        wait = super()._wait_for_server_parameter  # type: ignore[misc]
        return self._again(wait, *args, **kwargs)

    def _wait_for_migration_status(self, *args: Any, **kwargs: Any) -> Any:
        wait = super()._wait_for_migration_status  # type: ignore[misc]
        return self._again(wait, *args, **kwargs)

    def _wait_for_instance_action_event(
        self, *args: Any, **kwargs: Any
    ) -> Any:
        wait = super()._wait_for_instance_action_event  # type: ignore[misc]
        return self._again(wait, *args, **kwargs)

    def _again(self: Any, wait: Any, *args: Any, **kwargs: Any) -> Any:
        for _ in range(_TIMES - 1):
            try:
                return wait(*args, **kwargs)
            except self.failureException:
                pass
        return wait(*args, **kwargs)
