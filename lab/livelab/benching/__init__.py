# SPDX-License-Identifier: Apache-2.0
"""Policies side by side, on real migrations of the same guests."""
