"""The errors of this package: named facts, each with a frozen code.

They never cross Nova's RPC (Nova lets only ``nova.exception`` classes
through, see ``nova.rpc.ALLOWED_EXMODS``); the ``virt`` package translates
those that must.
"""

from typing import Any


class LiveMigrationError(Exception):
    """Base of all errors of this package.

    :ivar code: stable identifier for logs, records and tests; never reused
    """

    code = "livemig_gpu.error"
    msg_fmt = "An unknown error occurred in nova-livemig-gpu."

    def __init__(self, **facts: Any) -> None:
        self.facts = facts
        super().__init__(self.msg_fmt % facts)


class InvalidOption(LiveMigrationError):
    code = "livemig_gpu.option.invalid"
    msg_fmt = "[livemig_gpu] %(option)s = %(value)s is wrong: %(right)s"


class InvalidSetting(LiveMigrationError):
    code = "livemig_gpu.setting.invalid"
    msg_fmt = "%(source)s: %(name)s = %(value)r is wrong: %(right)s"


class PolicyNotFound(LiveMigrationError):
    code = "livemig_gpu.policy.not_found"
    msg_fmt = "Policy %(name)s is not installed. Installed: %(installed)s"


class PluginNotMine(LiveMigrationError):
    """A plugin looked and found nothing that it is for. No fault."""

    code = "livemig_gpu.plugin.not_mine"
    msg_fmt = "%(plugin)s has nothing to do here: %(reason)s"


class UnsupportedRelease(LiveMigrationError):
    code = "livemig_gpu.nova.unsupported_release"
    msg_fmt = (
        "Nova %(release)s is not one of the releases that this driver was "
        "tested with: %(supported)s"
    )


class InvalidCurve(LiveMigrationError):
    code = "livemig_gpu.curve.invalid"
    msg_fmt = "Dirty curve: %(field)s is wrong: %(reason)s"


class InvalidCase(LiveMigrationError):
    code = "livemig_gpu.case.invalid"
    msg_fmt = "%(file)s: %(field)s is wrong: %(reason)s"


class MigrationRefused(LiveMigrationError):
    """A migration that must not start, and why."""

    code = "livemig_gpu.migration.refused"
    msg_fmt = "%(reason)s"


class InvalidInput(LiveMigrationError):
    """What a prediction is asked with is wrong."""

    code = "livemig_gpu.prediction.invalid_input"
    msg_fmt = "%(field)s = %(value)s is wrong: %(right)s"
