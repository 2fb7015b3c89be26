# SPDX-License-Identifier: Apache-2.0
"""``python parse.py FILE``: results in a subunit stream, as JSON.

Run by Tempest's own Python, which has the library; knows nothing of the lab.
"""

import json
import re
import sys
from typing import Any

import subunit
import testtools

# "test_x[id-...,negative]", "setUpClass (module.Class)"
_TAGS = re.compile(r"\[[^]]*\]$")


class Results(testtools.StreamToDict):  # type: ignore[misc]
    """Collects one row for each test."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        super().__init__(self._add)

    def _add(self, test: dict[str, Any]) -> None:
        if test["status"] in ("exists", "inprogress"):
            return
        begin, end = test["timestamps"]
        details = test["details"]
        skipped = details.get("reason")
        trace = details.get("traceback")
        said = skipped or trace
        self.rows.append(
            {
                "test": _TAGS.sub("", test["id"]),
                "result": test["status"],
                "seconds": round((end - begin).total_seconds(), 1),
                "reason": said.as_text().strip() if said else "",
            }
        )


def main(path: str) -> list[dict[str, Any]]:
    results = Results()
    with open(path, "rb") as stream:
        results.startTestRun()
        subunit.ByteStreamToStreamResult(stream).run(results)
        results.stopTestRun()
    return results.rows


if __name__ == "__main__":
    json.dump(main(sys.argv[1]), sys.stdout, indent=1)
