"""Shared by all tests."""

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# The machine may be busy with a lab; slowness is no failure of a law.
settings.register_profile(
    "ours", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ours")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With LIVEMIG_REQUIRE_ALL=1 (CI) a skipped test has failed.

    Else a machine that can run nothing would be a green one.
    """
    report = yield
    skipped = report.skipped and not hasattr(report, "wasxfail")
    if skipped and os.environ.get("LIVEMIG_REQUIRE_ALL") == "1":
        report.outcome = "failed"
        why = report.longrepr
        why = why[2] if isinstance(why, tuple) else why
        report.longrepr = f"LIVEMIG_REQUIRE_ALL=1 and {why}"
    return report
