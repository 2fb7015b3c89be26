"""Nova's own tests of one module, in a process of their own.

``python -m tests.functional.nova_run ours|stock RESULTS MODULE [PART]`` runs
the tests of MODULE as Nova ships them, with our driver in the place of Nova's
or with Nova's in the same surroundings. ``PART`` is "2/4": the second of four
equal parts. Each test adds a line of JSON to the file RESULTS when it begins
and when it has ended, so that one that hangs is known.
"""

import importlib
import json
import sys
import time
import unittest
from collections.abc import Iterator
from types import ModuleType
from typing import Any, TextIO

import nova.virt.libvirt
from nova.virt.libvirt import driver as libvirt_driver

from nova_livemig_gpu.virt import driver as own_driver
from nova_livemig_gpu.virt import service
from tests.functional.base import OurDriverMixin, SurroundingsMixin

MIXINS = {"ours": OurDriverMixin, "stock": SurroundingsMixin}


def put_in_place() -> None:
    """Make ours what services and tests get for Nova's driver."""
    nova.virt.libvirt.LibvirtDriver = own_driver.LibvirtDriver
    release = service.find_release()
    if release is not None and release.number >= 33:
        # Before, Nova's constructor looks for itself under this name.
        libvirt_driver.LibvirtDriver = own_driver.LibvirtDriver
    # fixtures.MonkeyPatch knows a static method in the class itself only.
    stock = own_driver.LibvirtDriver.__base__
    for name, method in vars(stock).items():
        if isinstance(method, staticmethod):
            setattr(own_driver.LibvirtDriver, name, method)


def classes(
    module: ModuleType, mixin: type
) -> Iterator[type[unittest.TestCase]]:
    """Yield a subclass of each test class of a module."""
    for name, found in sorted(vars(module).items()):
        if not (
            isinstance(found, type) and found.__module__ == module.__name__
        ):
            continue
        if issubclass(found, unittest.TestCase):
            yield type(name, (mixin, found), {"__module__": module.__name__})


def tests_of(
    module: str, mixin: type, part: str = "1/1"
) -> list[unittest.TestCase]:
    """Return the tests of a module, or a part of them."""
    number, parts = map(int, part.split("/"))
    found = [
        test
        for each in classes(importlib.import_module(module), mixin)
        for test in unittest.defaultTestLoader.loadTestsFromTestCase(each)
    ]
    return found[number - 1 :: parts]


class Results(unittest.TextTestResult):
    """Writes down each test's begin and end."""

    file: TextIO

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._begin_s = time.monotonic()
        self._write(test, "begun")

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self._write(test, "passed")

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._write(test, "failed", err)

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self._write(test, "failed", err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._write(test, "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._write(test, "passed")

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._write(test, "failed")

    def _write(
        self, test: unittest.TestCase, state: str, error: Any = None
    ) -> None:
        line = {"test": test.id(), "state": state}
        if state != "begun":
            line["seconds"] = round(time.monotonic() - self._begin_s, 2)
        if error is not None:
            line["why"] = last_line(f"{error[0].__name__}: {error[1]}")
        print(json.dumps(line), file=self.file, flush=True)


def last_line(text: str) -> str:
    """Return what a traceback ends with; testtools puts the log before."""
    lines = [each for each in text.splitlines() if each.strip(" }'")]
    return lines[-1][:300] if lines else ""


def main() -> int:
    """Run one module.

    :returns: exit code; 0 also where tests have failed
    """
    driver, path, module, *part = sys.argv[1:]
    if driver == "ours":
        put_in_place()
    suite = unittest.TestSuite(tests_of(module, MIXINS[driver], *part))
    with open(path, "w") as file:
        Results.file = file
        unittest.TextTestRunner(resultclass=Results, verbosity=0).run(suite)
        steered = len(OurDriverMixin.steered)
        print(json.dumps({"steered": steered}), file=file)
    return 0


if __name__ == "__main__":
    # Threads of services that a test has left must not keep us.
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    import os

    os._exit(code)
