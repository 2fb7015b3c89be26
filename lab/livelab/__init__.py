# SPDX-License-Identifier: Apache-2.0
"""A laboratory for live migration: several "hosts" on one machine."""
