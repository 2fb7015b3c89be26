# SPDX-License-Identifier: Apache-2.0
"""Keystone's users and endpoints for the other services."""

from typing import Any

from livelab.cloud.rest import Rest
from livelab.cloud.site import REGION, Site

SERVICES = (
    ("placement", "placement", "placement", ""),
    ("glance", "glance", "image", ""),
    ("neutron", "neutron", "network", ""),
    ("nova", "nova-api", "compute", "/v2.1"),
)


def fill(site: Site, rest: Rest) -> None:
    """Create what is missing: project, users, roles, endpoints."""
    project = _ensure(rest, "project", {"name": "service"}, domain=True)
    roles = [_ensure(rest, "role", {"name": n}) for n in ("admin", "service")]
    for name, port_name, kind, path in SERVICES:
        user = _user(site, rest, name, project)
        for role in roles:
            rest.call(
                "PUT",
                "keystone",
                f"/projects/{project}/users/{user}/roles/{role}",
            )
        service = _ensure(rest, "service", {"name": name, "type": kind})
        url = site.url(port_name) + path
        for interface in ("public", "internal", "admin"):
            _endpoint(rest, service, interface, url)


def _user(site: Site, rest: Rest, name: str, project: str) -> str:
    extra = {"password": site.password, "default_project_id": project}
    return _ensure(rest, "user", {"name": name}, extra, domain=True)


def _endpoint(rest: Rest, service: str, interface: str, url: str) -> None:
    what = {"service_id": service, "interface": interface}
    extra = {"url": url, "region": REGION}
    _ensure(rest, "endpoint", what, extra)


def _ensure(
    rest: Rest,
    kind: str,
    what: dict[str, str],
    extra: dict[str, Any] | None = None,
    *,
    domain: bool = False,
) -> str:
    """The id of the thing that `what` names; made with extra if new."""
    query = "&".join(f"{key}={value}" for key, value in what.items())
    found = rest.get("keystone", f"/{kind}s?{query}")[f"{kind}s"]
    if found:
        return str(found[0]["id"])
    body = {**what, **(extra or {})}
    if domain:
        body["domain_id"] = "default"
    made = rest.post("keystone", f"/{kind}s", {kind: body})
    return str(made[kind]["id"])
