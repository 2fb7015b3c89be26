"""HostFacts <-> the ``stats`` of a compute node.

Nova keeps ``stats`` as flat strings: a nested value breaks its resource
update. So the facts are one compact JSON text under one key. A version that
is not known, and anything that cannot be read, is unknown: None.
"""

import json
from collections.abc import Mapping
from typing import Any

from nova_livemig_gpu.model import HostFacts

KEY = "livemig_gpu"
VERSION = 1


def encode(facts: HostFacts) -> dict[str, str]:
    """Return what to merge into ``stats``."""
    body = {
        "v": VERSION,
        "version": facts.version,
        "nova_release": facts.nova_release,
    }
    return {KEY: json.dumps(body, separators=(",", ":"), sort_keys=True)}


def decode(stats: Mapping[str, Any]) -> HostFacts | None:
    """Return the facts found in ``stats``; None where there are none."""
    try:
        body = json.loads(stats[KEY])
        if body["v"] != VERSION:
            return None
        return HostFacts(str(body["version"]), body["nova_release"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
