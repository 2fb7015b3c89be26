"""Looks ahead when a session begins, and learns when it has ended."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import libvirt
import nova.conf
from nova import version as nova_version
from oslo_log import log as logging

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.history.entry import Settings
from nova_livemig_gpu.model import (
    ActiveVgpu,
    HostFacts,
    Outcome,
    Stun,
    Surroundings,
)
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.policies.limit import goes_up_to_ms
from nova_livemig_gpu.prediction.throttled import stall_ms
from nova_livemig_gpu.virt import (
    disks,
    inquiry,
    links,
    remember,
    vgpus,
    wire,
)
from nova_livemig_gpu.virt.forecast import Forecaster
from nova_livemig_gpu.virt.foreseen import Asked, Foreseen
from nova_livemig_gpu.virt.service import Service, own_version
from nova_livemig_gpu.virt.session import Session

LOG = logging.getLogger(__name__)
CONF = nova.conf.CONF


class Foresight:
    """Of one driver. Nothing here raises."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._forecaster = Forecaster(
            service.history,
            lambda server: vgpus.of_server(
                service.driver, service.gpus, server
            ),
        )

    def look(
        self,
        options: Options,
        policy: Policy,
        context: Any,
        instance: Any,
        dest: str,
        guest: Any,
        migrate_data: Any,
        running: int,
    ) -> Foreseen:
        """Predict a migration with this policy.

        :param running: migrations that leave this host already
        """
        driver = self._service.driver
        asked = _asked(policy, instance, dest, running)
        if options.predict != "off":
            asked = replace(
                asked,
                disk_bytes=disks.copied_bytes(
                    driver, context, instance, guest, migrate_data
                ),
                link=self._service.links.between(options, context, dest),
            )
        foreseen = self._forecaster.foresee(
            options, guest, driver._host.get_connection(), asked
        )
        LOG.info("%s", _said(foreseen), instance=instance)
        return foreseen

    def glance(
        self, options: Options, policy: Policy, instance: Any, guest: Any
    ) -> Surroundings:
        """Return what a policy may know before the destination is known:
        the stun of the devices. Takes no time."""
        asked = replace(
            _asked(policy, instance, "", 0),
            link=links.slower(self._service.links.here_mbps(options), None),
        )
        stun = self._forecaster.stun(options, guest, asked)
        return replace(policy.around, stun=stun)

    def stun_of(
        self, server: str, vgpus: Sequence[ActiveVgpu], facts: HostFacts
    ) -> Stun | None:
        """Return the stun of a server for the facts of this host, see
        ``facts.stuns``; None: unknown, or ``predict`` is off."""
        if self._service.options.read().predict == "off":
            return None
        used = inquiry.uses(vgpus, facts.gpus or (), facts.link_mbps)
        if len(used) < len(vgpus):
            return None
        return self._forecaster.stun_of(used)

    def learn(self, session: Session, outcome: Outcome) -> None:
        """Note the error in the record; keep the migration."""
        try:
            error = remember.error(session.foreseen, outcome)
            session.record.note(forecast_error=error)
            self._service.history.add(
                remember.entry(
                    session.record.as_dict(),
                    outcome,
                    session.foreseen,
                    session.steered_end,
                    session.policy.around.vfio,
                    _versions(self._service),
                    _started(session),
                )
            )
        except Exception:
            LOG.exception(
                "Nothing was learnt from this live migration",
                instance=session.instance,
            )


def _asked(policy: Policy, instance: Any, dest: str, running: int) -> Asked:
    return Asked(
        server=instance.uuid,
        source=CONF.host,
        destination=dest,
        memory_mb=instance.flavor.memory_mb,
        running=running,
        limit_ms=goes_up_to_ms(policy),
        budget=policy.budget,
        around=policy.around,
        settings=wire.settings(CONF.libvirt, policy.around.channels),
    )


def _started(session: Session) -> Settings:
    """How it was started in the end, see ``Session.plain``."""
    channels = None if session.plain else session.policy.around.channels
    return wire.settings(CONF.libvirt, channels)


def _said(foreseen: Foreseen) -> str:
    given = foreseen.prediction
    if given is None:
        return f"Live migration not predicted: {foreseen.why}"
    if given.total_s is None or given.downtime_ms is None:
        return (
            f"Live migration predicted not to end: {given.why}"
            f"{_slowed(foreseen)}"
        )
    return (
        f"Live migration predicted: {given.mode.value}, "
        f"{given.total_s:.1f} s, {given.downtime_ms:.0f} ms down, "
        f"{given.passes} passes"
    )


def _slowed(foreseen: Foreseen) -> str:
    percent = foreseen.throttle_percent
    if percent is None:
        return ""
    return (
        f"; auto-converge needs {percent}%, its CPUs stand still for "
        f"{stall_ms(percent):.0f} ms at a time then"
    )


def _versions(service: Service) -> tuple[tuple[str, str], ...]:
    def text(number: int) -> str:
        major, rest = divmod(number, 1_000_000)
        return f"{major}.{rest // 1000}.{rest % 1000}"

    connection = service.driver._host.get_connection()
    return (
        ("nova_livemig_gpu", own_version()),
        ("qemu", text(connection.getVersion())),
        ("libvirt", text(libvirt.getVersion())),
        ("nova", nova_version.version_string()),
    )
