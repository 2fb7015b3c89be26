# SPDX-License-Identifier: Apache-2.0
"""Configuration of Nova: the controller's nova.conf and the computes'."""

from livelab import mounts
from livelab.cloud import conf_shared as shared
from livelab.cloud import hypervisors
from livelab.cloud.ini import Sections, Value, merge
from livelab.cloud.mode import Mode
from livelab.cloud.site import Site
from livelab.hosts import Host

STOCK_DRIVER = "libvirt.LibvirtDriver"
PLUGIN_DRIVER = "livemig_gpu.LibvirtDriver"
# Software emulation, TCP between the hosts, Nova's other defaults
_LIBVIRT: dict[str, Value] = {
    "virt_type": "qemu",
    "cpu_mode": "none",
    # MiB; QEMU's default of a quarter of the guest's memory is too much
    "tb_cache_size": 64,
    "live_migration_scheme": "tcp",
    "images_type": "qcow2",
    "inject_partition": -2,
    "num_pcie_ports": 0,
}


def controller(site: Site, mode: Mode) -> Sections:
    """nova.conf of nova-api, nova-scheduler and nova-conductor."""
    ours = {
        name: values
        for name, values in mode.options.items()
        if name == "livemig_gpu"
    }
    return merge(
        _common(site, mode),
        {
            "api_database": {"connection": site.database_url("nova_api")},
            "database": {"connection": site.database_url("nova")},
            "scheduler": {"workers": 1},
            "conductor": {"workers": 1},
            "quota": {"cores": -1, "ram": -1, "instances": -1},
        },
        ours if mode.driver == "plugin" else {},
        mode.controller_options,
    )


def compute(site: Site, host: Host, mode: Mode) -> Sections:
    """nova.conf of one nova-compute; without access to the databases."""
    driver = PLUGIN_DRIVER if mode.driver == "plugin" else STOCK_DRIVER
    default: dict[str, Value] = {
        "compute_driver": driver,
        "host": host.name,
        "my_ip": host.ip,
        "state_path": "/var/lib/nova",
        "instances_path": mounts.INSTANCES,
    }
    return merge(
        _common(site, mode),
        {
            "DEFAULT": default,
            # Glance's kernel images have no disk format to inspect, and
            # block migration fetches them on the destination.
            "workarounds": {"disable_deep_image_inspection": True},
            "libvirt": _LIBVIRT,
        },
        hypervisors.of(site).conf(host),
        _privsep(site, host),
        mode.options,
        mode.of_host.get(host.name, {}),
    )


def fake_compute(site: Site, mode: Mode, name: str, driver: str) -> Sections:
    """nova.conf of a nova-compute without a hypervisor, beside the APIs."""
    state = site.lib("fake-computes") / name
    default: dict[str, Value] = {
        "compute_driver": driver,
        "host": name,
        "my_ip": site.controller.ip,
        # Its identity lies there: each has its own.
        "state_path": state,
    }
    alike = {
        section: values
        for section, values in mode.options.items()
        if section in ("DEFAULT", "compute", "livemig_gpu")
    }
    return merge(_common(site, mode), alike, {"DEFAULT": default})


def _privsep(site: Site, host: Host) -> Sections:
    """Root already: the helpers start without sudo or rootwrap."""
    helper = (
        f"{site.venv}/bin/privsep-helper "
        f"--config-file {site.etc('nova')}/{host.name}.conf"
    )
    names = (
        "nova_sys_admin",
        "privsep_osbrick",
        "os_brick_privileged",
        "vif_plug_linux_bridge_privileged",
    )
    return {name: {"helper_command": helper} for name in names}


def _common(site: Site, mode: Mode) -> Sections:
    credentials = shared.credentials
    return {
        "DEFAULT": _default(site),
        "api": {"auth_strategy": "keystone"},
        "oslo_concurrency": {"lock_path": "/var/lib/nova/lock"},
        "placement": credentials(site, "placement"),
        "neutron": credentials(site, "neutron"),
        "service_user": {
            **credentials(site, "nova"),
            "send_service_user_token": True,
        },
        "keystone_authtoken": shared.authtoken(site, "nova"),
        "oslo_messaging_rabbit": shared.rabbit(),
        "notifications": {
            "notification_format": "both",
            "notify_on_state_change": "vm_and_task_state",
        },
        "oslo_messaging_notifications": _notifications(mode),
        "cache": shared.cache(),
        "vnc": {"enabled": False},
        "key_manager": {"backend": "nova.keymgr.conf_key_mgr.ConfKeyManager"},
    }


def _default(site: Site) -> dict[str, Value]:
    return {
        "transport_url": site.transport_url,
        "rpc_response_timeout": 60,
        "service_down_time": 60,
        "report_interval": 10,
        # By default a compute drains for three minutes when it is told to
        # stop; the lab restarts it often, and with nothing under way.
        "graceful_shutdown_timeout": 1,
        "manager_shutdown_timeout": 0,
    }


def _notifications(mode: Mode) -> dict[str, Value]:
    """Our driver alone: messagingv2 without a reader fills the broker."""
    if mode.driver == "plugin":
        return {"driver": "livemig_gpu"}
    return {}
