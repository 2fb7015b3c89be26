"""Gives the next incoming migration a clean mediated device.

An mdev that an incoming migration was meant to fill and did not can stay in
its RESUMING state: whoever is sent to it next fails with "Bad file
descriptor". Nova never removes mdevs and takes such a one again. So it is
destroyed here and made anew under the same UUID.

What was defined stays defined: Nova defines the mdevs that it creates, and an
operator (mdevctl) may have defined them in advance, and nothing tells which;
a host keeps as many of them as it had. A transient one is created of what
libvirt said of it. Where it cannot be made anew, Nova creates another when it
needs one.

Only the mdevs that Nova had claimed for that migration are renewed, only
while no server has them and no other migration has claimed them, and under
Nova's own lock. While they are renewed they stay claimed under a name of
ours, so that Nova gives them to nobody.
"""

import time
from collections.abc import Collection, Iterable
from typing import Any

from oslo_concurrency import lockutils
from oslo_log import log as logging

from nova_livemig_gpu.virt.service import Service

LOG = logging.getLogger(__name__)

#: VGPU_RESOURCE_SEMAPHORE in nova/virt/libvirt/driver.py, taken through
#: ``nova.utils.synchronized``.
_NOVAS_LOCK = "vgpu_resources"
#: libvirt learns from the kernel, a moment later, that an mdev has gone: it
#: is asked so often to make it anew, with so many seconds between.
_TRIES = 20
_TRY_S = 0.1


class Mdevs:
    """The mediated devices of one driver's host. Nothing raises."""

    def __init__(self, service: Service) -> None:
        self._driver = service.driver
        self._service = service

    def hold(self, instance: Any) -> tuple[str, ...]:
        """Keep claimed what is claimed for a server that does not come.

        :returns: UUIDs, for :meth:`renew`; empty: nothing to clean
        """
        try:
            if not self._service.options.read().clean_mdevs:
                return ()
            claimed = self._driver.instance_claimed_mdevs
            found = tuple(claimed.get(instance.uuid) or ())
            if found:
                claimed[_ours(instance)] = list(found)
            return found
        except Exception:
            LOG.exception("Its mdevs are left as they are", instance=instance)
            return ()

    def renew(self, instance: Any, uuids: Collection[str]) -> None:
        """Make anew what :meth:`hold` has kept."""
        if not uuids:
            return
        try:
            with lockutils.lock(_NOVAS_LOCK, "nova-"):
                self._renew(instance, uuids)
        except Exception:
            LOG.exception(
                "The mdevs %s are not renewed; a next migration to them may "
                "fail with 'Bad file descriptor'.",
                ", ".join(uuids),
                instance=instance,
            )
        finally:
            self._driver.instance_claimed_mdevs.pop(_ours(instance), None)

    def _renew(self, instance: Any, uuids: Collection[str]) -> None:
        busy = self._busy(_ours(instance))
        for device in self._known(uuids):
            uuid = device["uuid"]
            if uuid in busy:
                LOG.warning(
                    "mdev %s is in use and stays", uuid, instance=instance
                )
                continue
            node = self._driver._host.device_lookup_by_name(device["dev_id"])
            definition = node.XMLDesc(0)
            node.destroy()
            error = self._create(node, definition)
            if error is None:
                LOG.info(
                    "Made mdev %s (%s) anew, which an incoming migration has "
                    "not filled",
                    uuid,
                    device["type"],
                    instance=instance,
                )
                continue
            LOG.warning(
                "mdev %s (%s), which an incoming migration has not filled, "
                "was destroyed and cannot be made anew: %s. Nova creates "
                "another when it needs one.",
                uuid,
                device["type"],
                error,
                instance=instance,
            )

    def _create(self, node: Any, definition: str) -> Exception | None:
        """Start what is defined, else create it of its XML.

        :returns: why it could not be
        """
        connection = self._driver._host.get_connection()
        last: Exception | None = None
        for _ in range(_TRIES):
            try:
                node.create(0)
                return None
            except Exception as exc:
                last = exc
            if not _defined(node):
                try:
                    connection.nodeDeviceCreateXML(definition, 0)
                    return None
                except Exception as exc:
                    last = exc
            time.sleep(_TRY_S)
        return last

    def _busy(self, ours: str) -> set[str]:
        """Return the mdevs that a server has or another has claimed."""
        owners = self._driver._get_all_assigned_mediated_devices()
        claims = self._driver.instance_claimed_mdevs
        return {uuid for uuid, owner in owners.items() if owner != ours} | {
            uuid
            for name, uuids in claims.items()
            for uuid in uuids
            if name != ours
        }

    def _known(self, uuids: Collection[str]) -> Iterable[dict[str, Any]]:
        types = self._driver.supported_vgpu_types
        return [
            device
            for device in self._driver._get_mediated_devices()
            if device["uuid"] in uuids and device["type"] in types
        ]


def _defined(node: Any) -> bool:
    """Whether it is there after it was destroyed."""
    try:
        return bool(node.isPersistent())
    except Exception as exc:
        LOG.debug("%s: %s", node.name(), exc)
        return False


def _ours(instance: Any) -> str:
    return f"livemig_gpu:{instance.uuid}"
