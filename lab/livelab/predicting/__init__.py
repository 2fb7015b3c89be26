# SPDX-License-Identifier: Apache-2.0
"""Predictions taken before real migrations, beside what these then did."""
