"""Finds policies by name, through stevedore."""

from importlib.metadata import entry_points

from oslo_log import log as logging
from stevedore import driver
from stevedore.exception import NoMatches

from nova_livemig_gpu.exception import PolicyNotFound
from nova_livemig_gpu.policies.base import Policy

LOG = logging.getLogger(__name__)

NAMESPACE = "nova_livemig_gpu.policies"


def names() -> list[str]:
    """Names of the installed policies; none of them is imported."""
    return sorted({point.name for point in entry_points(group=NAMESPACE)})


def find(name: str) -> type[Policy]:
    """Return the policy class called ``name``.

    :raises PolicyNotFound: there is none, or it cannot be imported
    """
    try:
        found = driver.DriverManager(
            NAMESPACE,
            name,
            invoke_on_load=False,
        ).driver
    except (NoMatches, RuntimeError) as exc:
        raise _not_found(name) from exc
    except Exception as exc:
        # stevedore passes on whatever importing somebody's module raises.
        LOG.error("Policy %s cannot be imported: %r", name, exc)
        raise _not_found(name) from exc
    if not (isinstance(found, type) and issubclass(found, Policy)):
        LOG.error("Policy %s is not a Policy: %r", name, found)
        raise _not_found(name)
    return found


def _not_found(name: str) -> PolicyNotFound:
    return PolicyNotFound(name=name, installed=", ".join(names()) or "none")
