# SPDX-License-Identifier: Apache-2.0
"""The one exception of the laboratory."""


class LabError(Exception):
    """Something in the lab did not do what it was told.

    The message names the command or service and carries the last lines it
    wrote, so that a failure in CI can be understood from the log alone.
    """
