# SPDX-License-Identifier: Apache-2.0
"""REST calls to the cloud's APIs as admin, from outside the lab's hosts."""

from typing import Any

import requests
from keystoneauth1 import exceptions, session
from keystoneauth1.identity import v3

from livelab.cloud import inside
from livelab.cloud.site import COMPUTE_API_VERSION, Site
from livelab.errors import LabError

PREFIX = {
    "keystone": "/v3",
    "placement": "",
    "glance": "/v2",
    "neutron": "/v2.0",
    "nova-api": "/v2.1",
}


class Rest:
    """One login, kept: an `openstack` call costs seconds, this does not."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._session = session.Session(
            auth=v3.Password(
                auth_url=site.url("keystone") + "/v3",
                username="admin",
                password=site.password,
                project_name="admin",
                user_domain_id="default",
                project_domain_id="default",
            )
        )

    def get(self, service: str, path: str) -> Any:
        """The JSON that GET answers; raises LabError."""
        return self.call("GET", service, path)

    def post(self, service: str, path: str, body: Any) -> Any:
        """The JSON that POST answers, None without a body."""
        return self.call("POST", service, path, json=body)

    def call(
        self, method: str, service: str, path: str, **arguments: Any
    ) -> Any:
        """Any other request; arguments are those of requests."""
        url = self._site.url(service) + PREFIX[service] + path
        headers = {
            "OpenStack-API-Version": f"compute {COMPUTE_API_VERSION}",
            **arguments.pop("headers", {}),
        }

        def request() -> requests.Response:
            answer: requests.Response = self._session.request(
                url, method, headers=headers, connect_retries=2, **arguments
            )
            return answer

        try:
            answer = inside.call(self._site.controller, request)
        except exceptions.HttpError as error:
            response = error.response
            # A 4xx answer is false as a truth value.
            said = response.text[:500] if response is not None else ""
            raise LabError(f"{method} {url}: {error} {said}") from error
        except exceptions.ClientException as error:
            raise LabError(f"{method} {url}: {error}") from error
        is_json = "json" in answer.headers.get("Content-Type", "")
        return answer.json() if answer.content and is_json else None
