# SPDX-License-Identifier: Apache-2.0
"""Real Tempest against the lab's cloud: its tests, and ours.

Tempest has a virtual environment of its own, as DevStack gives it one.
"""
