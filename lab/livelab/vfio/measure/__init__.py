# SPDX-License-Identifier: Apache-2.0
"""Pauses of servers with a test vGPU: ways to migrate, side by side."""
