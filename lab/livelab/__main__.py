# SPDX-License-Identifier: Apache-2.0
"""python -m livelab COMMAND"""

import sys

from livelab.cli import main

sys.exit(main())
