# SPDX-License-Identifier: Apache-2.0
"""Servers with a test vGPU whose migration goes wrong, one trial a file."""
