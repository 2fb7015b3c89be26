# SPDX-License-Identifier: Apache-2.0
"""A two-host OpenStack in the lab's hosts: real services, nothing faked."""
