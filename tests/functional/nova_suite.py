"""Nova's own functional tests, run against our driver.

Each test class of ``MODULES`` gets a subclass whose compute services load
``livemig_gpu.LibvirtDriver`` through the door, as an operator's would; the
tests themselves stay as Nova ships them.

``python -m tests.functional.nova_suite [-v]`` runs them. It fails, too, when
tests are missing or when our code was not used.
"""

import importlib
import sys
import unittest
from collections.abc import Iterator
from types import ModuleType

from nova.version import version_string

from nova_livemig_gpu.virt import releases
from tests.functional.base import DRIVER, OurDriverMixin

MODULES = (
    "nova.tests.functional.libvirt.test_live_migration",
    "nova.tests.functional.libvirt.test_vgpu",
)
#: Release of Nova -> how many tests these modules have, and how many of them
#: migrate a server to the end of the job, with any result; fewer means that
#: we have lost some on the way.
EXPECTED = {31: (23, 7), 32: (23, 7), 33: (23, 7), 34: (24, 8)}


def classes(module: ModuleType) -> Iterator[type[unittest.TestCase]]:
    """Yield a subclass with our driver of each test class of a module."""
    for name, found in sorted(vars(module).items()):
        if not (
            isinstance(found, type) and found.__module__ == module.__name__
        ):
            continue
        if issubclass(found, unittest.TestCase):
            yield type(name, (OurDriverMixin, found), {"__module__": __name__})


def suite() -> unittest.TestSuite:
    """Return all tests of ``MODULES`` against our driver."""
    loader = unittest.defaultTestLoader
    tests = unittest.TestSuite()
    for name in MODULES:
        for found in classes(importlib.import_module(name)):
            tests.addTest(loader.loadTestsFromTestCase(found))
    return tests


def main() -> int:
    """Run the suite.

    :returns: exit code; 0 where all is well
    """
    tests = suite()
    count = tests.countTestCases()
    verbosity = 2 if "-v" in sys.argv[1:] else 1
    result = unittest.TextTestRunner(verbosity=verbosity).run(tests)
    steered = len(OurDriverMixin.steered)
    print(f"{DRIVER} steered {steered} migrations in {count} tests")
    most, most_steered = EXPECTED[releases.find(version_string()).number]
    problems = []
    if count < most:
        problems.append(f"{most} tests expected, {count} found")
    if result.wasSuccessful() and steered < most_steered:
        problems.append(
            f"{most_steered} steered migrations expected, {steered} seen"
        )
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    return 0 if result.wasSuccessful() and not problems else 1


if __name__ == "__main__":
    sys.exit(main())
