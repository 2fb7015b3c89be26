"""What makes one of Nova's functional test classes use our driver."""

import sys
from pathlib import Path
from typing import Any, ClassVar

import fixtures
import nova
from nova import conf as nova_conf

from nova_livemig_gpu import conf, notify
from nova_livemig_gpu.virt.session import Session
from tests.functional.patience import Patience

CONF = nova_conf.CONF

DRIVER = "livemig_gpu.LibvirtDriver"


class SurroundingsMixin(Patience):
    """Put before a test class of Nova's that uses a libvirt driver.

    What its tests expect around them, whoever's driver it is.
    """

    def setUp(self: Any) -> None:
        self.flags(api_paste_config=paste_config(), group="wsgi")
        super().setUp()


class OurDriverMixin(SurroundingsMixin):
    """Put before a subclass of ``nova.tests...libvirt.base.ServersTestBase``.

    :cvar steered: server and policy of every migration that our driver took
        in hand, over all tests of the process
    """

    steered: ClassVar[list[tuple[str, str]]] = []

    def setUp(self: Any) -> None:
        # In a service, oslo.messaging loads this module as a notification
        # driver, which opens the door.
        notify.open_door()
        conf.register_opts(CONF)
        self.state = self.useFixture(fixtures.TempDir()).path
        self.flags(
            state_dir=self.state,
            audit_log=str(Path(self.state) / "audit.log"),
            group=conf.GROUP,
        )
        self.useFixture(
            fixtures.MonkeyPatch(
                "nova_livemig_gpu.virt.session.Session.steer", _counted_steer
            )
        )
        super().setUp()

    def _setup_compute_service(self: Any) -> None:
        self.flags(compute_driver=DRIVER)


_steer = Session.steer


def _counted_steer(session: Session, *args: Any, **kwargs: Any) -> Any:
    OurDriverMixin.steered.append(
        (session.instance.uuid, session.policy.budget.policy)
    )
    return _steer(session, *args, **kwargs)


def paste_config() -> str:
    """Return where Nova's wheel has put api-paste.ini; its tests look for
    it beside the package, where only a checkout has it."""
    beside = Path(nova.__file__).parent.parent
    for root in (Path(sys.prefix), beside):
        path = root / "etc" / "nova" / "api-paste.ini"
        if path.is_file():
            return str(path)
    raise AssertionError("etc/nova/api-paste.ini of Nova is not installed")
