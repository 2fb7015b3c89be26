"""Functional tests for a cloud that runs nova-livemig-gpu, for Tempest.

Tempest finds them by the entry point ``tempest.test_plugins``. They use the
API alone, but for the records of migrations, where the options say how to
read them. Nova need not be installed beside Tempest.
"""
