# SPDX-License-Identifier: Apache-2.0
"""What Nova makes of a nova.conf, as JSON; a process of its own.

``python -m tests.devstack.nova_reads FILE``
"""

import importlib
import json
import sys

import nova.conf
from nova.scheduler import filters, weights
from oslo_messaging import notify
from stevedore import named

from nova_livemig_gpu import conf as own_conf


def main(path: str) -> dict[str, object]:
    conf = nova.conf.CONF
    conf(["--config-file", path], project="nova")
    own_conf.register_opts(conf)
    conf.register_opts(
        notify.notifier._notifier_opts, group="oslo_messaging_notifications"
    )
    # as nova.rpc.init does, by way of oslo.messaging's Notifier
    notifiers = named.NamedExtensionManager(
        "oslo.messaging.notify.drivers",
        names=conf.oslo_messaging_notifications.driver,
    )
    module, _, name = conf.compute_driver.rpartition(".")
    driver = getattr(importlib.import_module(f"nova.virt.{module}"), name)
    section = conf.filter_scheduler
    classes = filters.HostFilterHandler().get_matching_classes(
        section.available_filters
    )
    weighers = weights.HostWeightHandler().get_matching_classes(
        section.weight_classes
    )
    names = {each.__name__ for each in classes}
    missing = set(section.enabled_filters) - names
    assert not missing, f"enabled, but not available: {missing}"
    return {
        "compute_driver": f"nova.virt.{conf.compute_driver}",
        "steers": driver.__module__,
        "notifiers": sorted(notifiers.names()),
        "filters": len(names),
        "enabled": section.enabled_filters,
        "weighers": [each.__name__ for each in weighers],
        "max_downtime_ms": conf.livemig_gpu.max_downtime_ms,
    }


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
