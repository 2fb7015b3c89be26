# SPDX-License-Identifier: Apache-2.0
"""Configuration of Keystone, Placement, Glance and Neutron."""

from livelab.cloud import conf_shared as shared
from livelab.cloud.ini import Sections
from livelab.cloud.site import Site
from livelab.hosts import CONTROLLER


def keystone(site: Site) -> Sections:
    """keystone.conf; tokens last a day, longer than any lab."""
    etc = site.etc("keystone")
    return {
        "database": {"connection": site.database_url("keystone")},
        "token": {"provider": "fernet", "expiration": 86400},
        "fernet_tokens": {"key_repository": etc / "fernet-keys"},
        "credential": {"key_repository": etc / "credential-keys"},
        "cache": shared.cache(),
    }


def placement(site: Site) -> Sections:
    """placement.conf"""
    return {
        "api": {"auth_strategy": "keystone"},
        "placement_database": {"connection": site.database_url("placement")},
        "keystone_authtoken": shared.authtoken(site, "placement"),
    }


def glance(site: Site) -> Sections:
    """glance-api.conf with images in a directory."""
    lib = site.lib("glance")
    paste = site.venv / "etc" / "glance" / "glance-api-paste.ini"
    return {
        "DEFAULT": {"bind_host": CONTROLLER.ip, "enabled_backends": "fs:file"},
        "database": {"connection": site.database_url("glance")},
        "glance_store": {"default_backend": "fs"},
        "fs": {"filesystem_store_datadir": lib / "images"},
        "os_glance_staging_store": {
            "filesystem_store_datadir": lib / "staging"
        },
        "os_glance_tasks_store": {"filesystem_store_datadir": lib / "tasks"},
        "paste_deploy": {"flavor": "keystone", "config_file": paste},
        "keystone_authtoken": shared.authtoken(site, "glance"),
    }


def neutron(site: Site) -> Sections:
    """neutron.conf: the API alone, without agents.

    The lab's servers have no network cards, but Nova asks Neutron for
    their ports whenever a server is shown.
    """
    lib = site.lib("neutron")
    return {
        "DEFAULT": {
            "state_path": lib,
            "core_plugin": "ml2",
            "service_plugins": "router,port_forwarding",
            "auth_strategy": "keystone",
            "api_paste_config": site.venv / "etc/neutron/api-paste.ini",
            "transport_url": site.transport_url,
            "rpc_workers": 0,
            "notify_nova_on_port_status_changes": False,
            "notify_nova_on_port_data_changes": False,
        },
        "database": {"connection": site.database_url("neutron")},
        "oslo_concurrency": {"lock_path": lib / "lock"},
        "keystone_authtoken": shared.authtoken(site, "neutron"),
        "oslo_messaging_rabbit": shared.rabbit(),
        "ml2": {
            "type_drivers": "local",
            "tenant_network_types": "local",
            "mechanism_drivers": "logger",
            "extension_drivers": "",
        },
    }
