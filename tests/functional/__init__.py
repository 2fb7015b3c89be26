"""Tests on Nova's own fixtures, each module in a process of its own:

    python -m testtools.run tests.functional.test_steering
    python -m tests.functional.nova_suite

Nova decides between native threads and eventlet while it is imported, and
refuses to where another module was quicker. So these tests do not run in one
pytest process with the unit tests. Nova 34's services use native threads;
OS_NOVA_DISABLE_EVENTLET_PATCHING=false makes the tests use eventlet.
"""

import os
from importlib.metadata import version

os.environ.setdefault("OS_NOVA_DISABLE_EVENTLET_PATCHING", "true")

# What decides must come first: nova.test's first line in Nova 32, that of
# nova.tests.functional in all others.
if version("nova").startswith("32."):
    import nova.test
import nova.tests.functional  # noqa: F401
