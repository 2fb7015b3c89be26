"""Gives the next incoming migration a clean mediated device.

An mdev that an incoming migration was meant to fill and did not can stay in
its RESUMING state: whoever is sent to it next fails with "Bad file
descriptor". Nova never removes mdevs and takes such a one again. It is
removed here (node device destroyed and undefined); Nova creates a new one.

Only the mdevs that Nova had claimed for that migration are removed, only
while no server has them and no other migration has claimed them, and under
Nova's own lock. While they are removed they stay claimed under a name of
ours, so that Nova gives them to nobody.
"""

from collections.abc import Collection, Iterable
from typing import Any

from oslo_concurrency import lockutils
from oslo_log import log as logging

from nova_livemig_gpu.virt.service import Service

LOG = logging.getLogger(__name__)

#: VGPU_RESOURCE_SEMAPHORE in nova/virt/libvirt/driver.py, taken through
#: ``nova.utils.synchronized``.
_NOVAS_LOCK = "vgpu_resources"


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
        """Remove what :meth:`hold` has kept, so that Nova creates anew."""
        if not uuids:
            return
        try:
            with lockutils.lock(_NOVAS_LOCK, "nova-"):
                self._remove(instance, uuids)
        except Exception:
            LOG.exception(
                "The mdevs %s are not removed; a next migration to them may "
                "fail with 'Bad file descriptor'.",
                ", ".join(uuids),
                instance=instance,
            )
        finally:
            self._driver.instance_claimed_mdevs.pop(_ours(instance), None)

    def _remove(self, instance: Any, uuids: Collection[str]) -> None:
        busy = self._busy(_ours(instance))
        for device in self._known(uuids):
            uuid = device["uuid"]
            if uuid in busy:
                LOG.warning(
                    "mdev %s is in use and stays", uuid, instance=instance
                )
                continue
            node = self._driver._host.device_lookup_by_name(device["dev_id"])
            node.destroy()
            _undefine(node)
            LOG.info(
                "Removed mdev %s (%s), which an incoming migration has not "
                "filled: Nova creates a new one",
                uuid,
                device["type"],
                instance=instance,
            )

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


def _undefine(node: Any) -> None:
    """Forget the persistent definition that Nova has made."""
    try:
        node.undefine()
    except Exception as exc:
        LOG.info("%s was not defined any more: %s", node.name(), exc)


def _ours(instance: Any) -> str:
    return f"livemig_gpu:{instance.uuid}"
