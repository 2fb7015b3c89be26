# SPDX-License-Identifier: Apache-2.0
"""Migrations of one server under several settings, side by side."""
