"""Placement as an operator's command sees it: traits of resource providers.

Asked with the credentials in ``[placement]`` of nova.conf, as Nova does; Nova
itself is not imported.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from oslo_config import cfg

from nova_livemig_gpu.cmd.failure import Failure, WrongInput

#: GET /resource_providers?required= (1.18), the oldest with all we ask.
_VERSION = "placement 1.18"
_SECTION = "placement"
#: Others may write to a provider while we do.
_TRIES = 4


@dataclass(frozen=True)
class Provider:
    """A resource provider with its traits as they were at a generation."""

    uuid: str
    name: str
    generation: int
    traits: frozenset[str]


class Placement:
    """What is asked, and changed."""

    def __init__(self, adapter: Any) -> None:
        """:param adapter: ``keystoneauth1.adapter.Adapter``"""
        self._adapter = adapter

    def traits(self, prefix: str) -> list[str]:
        """Return the names of traits that begin with the prefix."""
        found = self._ask("GET", f"/traits?name=startswith:{prefix}")
        return sorted(found["traits"])

    def providers(self, traits: Iterable[str]) -> list[str]:
        """Return the UUIDs of the providers with any of the traits."""
        found: dict[str, None] = {}
        for trait in traits:
            listed = self._ask("GET", f"/resource_providers?required={trait}")
            for each in listed["resource_providers"]:
                found[each["uuid"]] = None
        return list(found)

    def provider(self, uuid: str) -> Provider:
        """Return a provider as it is now."""
        path = f"/resource_providers/{uuid}"
        told = self._ask("GET", f"{path}/traits")
        return Provider(
            uuid,
            str(self._ask("GET", path)["name"]),
            int(told["resource_provider_generation"]),
            frozenset(told["traits"]),
        )

    def remove(self, uuid: str, traits: Sequence[str]) -> Provider:
        """Take traits from a provider; return it as it was before.

        :raises Failure: others kept writing to it
        """
        for _ in range(_TRIES):
            before = self.provider(uuid)
            body = {
                "resource_provider_generation": before.generation,
                "traits": sorted(before.traits - set(traits)),
            }
            path = f"/resource_providers/{uuid}/traits"
            if self._ask("PUT", path, body, conflict=True) is not None:
                return before
        raise Failure(
            f"{before.name} was changed by others {_TRIES} times; try again"
        )

    def delete(self, trait: str) -> bool:
        """Delete a trait itself; False: some provider has it again."""
        path = f"/traits/{trait}"
        return self._ask("DELETE", path, conflict=True) is not None

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        conflict: bool = False,
    ) -> Any:
        """Return the answer's JSON, {} without one.

        :param conflict: 409 is no failure; then None is returned
        :raises Failure: Placement does not answer, or says no
        """
        from keystoneauth1 import exceptions

        try:
            answer = self._adapter.request(
                path,
                method,
                json=body,
                headers={"OpenStack-API-Version": _VERSION},
                raise_exc=False,
            )
        except exceptions.ClientException as exc:
            raise Failure(f"Placement does not answer: {exc}") from exc
        if answer.status_code == 409 and conflict:
            return None
        if answer.status_code >= 400:
            raise Failure(
                f"Placement: {method} {path}: {answer.status_code} "
                f"{answer.text[:300]}"
            )
        return answer.json() if answer.text else {}


def connect(files: Sequence[str] | None) -> Placement:
    """Return Placement as nova.conf has it.

    :param files: None: where Nova looks
    :raises WrongInput: nova.conf has no usable [placement]
    """
    from keystoneauth1 import exceptions, loading

    conf = cfg.ConfigOpts()
    loading.register_session_conf_options(conf, _SECTION)
    loading.register_auth_conf_options(conf, _SECTION)
    loading.register_adapter_conf_options(conf, _SECTION)
    try:
        conf([], project="nova", default_config_files=files)
        auth = loading.load_auth_from_conf_options(conf, _SECTION)
        session = loading.load_session_from_conf_options(
            conf, _SECTION, auth=auth
        )
        adapter = loading.load_adapter_from_conf_options(
            conf, _SECTION, session=session, auth=auth
        )
    except (cfg.Error, exceptions.ClientException) as exc:
        raise WrongInput(
            "--config-file", f"[placement]: {exc}; must be a controller's"
        ) from exc
    if auth is None:
        raise WrongInput(
            "--config-file",
            "no auth_type in [placement]: must be the nova.conf of a host "
            "with Nova",
        )
    # Nova registers its own default for this option
    adapter.service_type = adapter.service_type or "placement"
    return Placement(adapter)
