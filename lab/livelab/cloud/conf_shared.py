# SPDX-License-Identifier: Apache-2.0
"""Sections that several services have in common."""

from livelab.cloud.ini import Value
from livelab.cloud.site import PORTS, REGION, Site
from livelab.hosts import CONTROLLER

MEMCACHED = f"{CONTROLLER.ip}:{PORTS['memcached']}"


def credentials(site: Site, user: str) -> dict[str, Value]:
    """How a service logs in at Keystone."""
    return {
        "auth_url": site.url("keystone"),
        "auth_type": "password",
        "project_domain_id": "default",
        "user_domain_id": "default",
        "project_name": "service",
        "username": user,
        "password": site.password,
        "region_name": REGION,
    }


def authtoken(site: Site, user: str) -> dict[str, Value]:
    """[keystone_authtoken]: how a service checks its callers' tokens."""
    return {
        **credentials(site, user),
        "www_authenticate_uri": site.url("keystone"),
        "memcached_servers": MEMCACHED,
        "service_token_roles_required": True,
    }


def cache() -> dict[str, Value]:
    """[cache] in memcached."""
    return {
        "enabled": True,
        "backend": "dogpile.cache.memcached",
        "memcache_servers": MEMCACHED,
    }


def rabbit() -> dict[str, Value]:
    """[oslo_messaging_rabbit] for one node without replication."""
    return {"rabbit_quorum_queue": False, "heartbeat_in_pthread": False}
