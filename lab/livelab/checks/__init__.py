# SPDX-License-Identifier: Apache-2.0
"""Trials of the driver as operators and faults would try it.

One trial a file, all of them in ``registry``; ``lab/check`` runs them.
"""
