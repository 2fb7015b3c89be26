# SPDX-License-Identifier: Apache-2.0
"""DEVSTACK_DIR: a checkout of openstack/devstack to test against.

None is fetched here. Without one these tests are skipped, with the reason;
what can be said without is in tests/unit/devstack.
"""

import os
from pathlib import Path

import pytest

from tests.devstack.node import Node


@pytest.fixture(scope="session")
def tree() -> Path:
    where = os.environ.get("DEVSTACK_DIR")
    if not where:
        pytest.skip("DEVSTACK_DIR names no checkout of openstack/devstack")
    found = Path(where)
    assert (found / "stackrc").exists(), f"{found} is no DevStack"
    return found


@pytest.fixture
def node(tree: Path, tmp_path: Path) -> Node:
    return Node(tmp_path / "node", tree)
