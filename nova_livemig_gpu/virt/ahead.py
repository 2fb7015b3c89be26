"""The policy of a migration with all that is known before it starts."""

from typing import Any

from nova_livemig_gpu.conf import Options
from nova_livemig_gpu.migration.record import Records
from nova_livemig_gpu.policies.base import Policy
from nova_livemig_gpu.virt.foreseen import Foreseen
from nova_livemig_gpu.virt.foresight import Foresight
from nova_livemig_gpu.virt.opening import Opening
from nova_livemig_gpu.virt.service import Service


class Ahead:
    """Of one driver."""

    def __init__(self, service: Service, policy_at_start: str) -> None:
        """:param policy_at_start: taken where the one of now is missing"""
        self._driver = service.driver
        self.opening = Opening(service.driver, policy_at_start)
        self.foresight = Foresight(service)

    def look(
        self,
        options: Options,
        records: Records,
        context: Any,
        instance: Any,
        dest: str,
        migrate_data: Any,
        running: int,
    ) -> tuple[Policy, Foreseen]:
        """Return the policy and what is foreseen; it may take seconds.

        :param running: migrations that leave this host already
        """
        guest = self._driver._host.get_guest(instance)
        policy = self.opening.policy(
            options, records, context, instance, guest, dest, migrate_data
        )
        foreseen = self.foresight.look(
            options,
            policy,
            context,
            instance,
            dest,
            guest,
            migrate_data,
            running,
        )
        around = foreseen.on(policy.around)
        return type(policy)(policy.budget, around), foreseen

    def glance(
        self, options: Options, context: Any, instance: Any, migrate_data: Any
    ) -> Policy:
        """Return the policy as far as it is known without a destination."""
        guest = self._driver._host.get_guest(instance)
        policy = self.opening.policy(
            options,
            Records(options.state_dir, options.max_records),
            context,
            instance,
            guest,
            None,
            migrate_data,
        )
        around = self.foresight.glance(options, policy, instance, guest)
        return type(policy)(policy.budget, around)
