"""Fixtures of the unit tests."""

import pytest

from tests import nova_sources


@pytest.fixture(params=nova_sources.RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    version: str = request.param
    try:
        nova_sources.root(version)
    except nova_sources.Unavailable as exc:
        pytest.skip(str(exc))
    return version
