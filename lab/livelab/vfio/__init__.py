# SPDX-License-Identifier: Apache-2.0
"""The lab's VFIO hosts: virtual machines with mediated devices in them."""
