"""Flavor extra specs ``livemig_gpu:*``, checked by the Nova API.

Nova loads this module through ``nova.api.extra_spec_validators`` (see
nova/api/validation/extra_specs/validators.py) and calls ``register``. With
compute API microversion 2.86 or newer a wrong value is refused with 400.
"""

from nova.api.validation.extra_specs import base

from nova_livemig_gpu.fallback import attempt
from nova_livemig_gpu.migration.budget import FLAVOR_PREFIX
from nova_livemig_gpu.policies import loader


def _number(low: int, high: int) -> dict[str, object]:
    return {"type": int, "min": low, "max": high}


def _enum(*values: str) -> dict[str, object]:
    return {"type": str, "enum": list(values)}


def register() -> list[base.ExtraSpecValidator]:
    """Return the validators of our namespace; none where that fails: Nova's
    API would not start."""
    return attempt(_validators, otherwise=[])


def _validators() -> list[base.ExtraSpecValidator]:
    specs: dict[str, tuple[str, dict[str, object]]] = {
        "policy": (
            "The policy that steers the server's live migration.",
            _enum(*loader.names()),
        ),
        "max_downtime_ms": (
            "Longest pause of the server at its switchover, milliseconds.",
            _number(10, 2_000_000),
        ),
        "timeout_s": (
            "Seconds until on_timeout is done; 0: never.",
            _number(0, 31_536_000),
        ),
        "on_timeout": (
            "What is done at the timeout.",
            _enum("abort", "force_complete", "postcopy", "continue"),
        ),
        "not_converging": (
            "What is done, before the timeout, with a migration that is not "
            "expected to end.",
            _enum("continue", "abort"),
        ),
        "postcopy": (
            "Whether the server may be switched to post-copy.",
            _enum("allow", "forbid"),
        ),
        "auto_converge": (
            "Whether the server's CPUs may be slowed down.",
            _enum("allow", "forbid"),
        ),
        "bandwidth_mbps": (
            "Most that the migration may send, Mbit/s; 0: no limit.",
            _number(0, 10_000_000),
        ),
        "goal": (
            "fast: least total time within max_downtime_ms. gentle: least "
            "downtime within timeout_s.",
            _enum("fast", "gentle"),
        ),
        "over_budget": (
            "What is done with a server whose device is predicted to need "
            "longer than max_downtime_ms.",
            _enum("refuse", "warn", "allow"),
        ),
        "postcopy_start": (
            "When the server may be switched to post-copy.",
            _enum("as_predicted", "after_first_pass"),
        ),
        "bandwidth_law": (
            "How fast memory is sent before the switchover.",
            _enum("full", "dynamic"),
        ),
    }
    return [
        base.ExtraSpecValidator(
            name=FLAVOR_PREFIX + name, description=text, value=value
        )
        for name, (text, value) in specs.items()
    ]
