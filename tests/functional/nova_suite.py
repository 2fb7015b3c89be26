"""Nova's own tests that touch a libvirt driver, with ours in its place.

``python -m tests.functional.nova_suite`` runs those that ``MODULES`` has for
every day, each module in a process of its own, as many at a time as there
are processors. It fails where a test fails that is not in ``EXCEPTED``, where
one does not end, where tests are missing, and where our code was not used.

``--all`` runs all of ``MODULES``; ``--stock`` runs each with Nova's driver as
well, in the same surroundings, and a test that fails with that counts for
nothing. A table is printed in the end; ``--rst FILE`` writes it down. With
``--logs FOLDER`` what a process has written stays there, and one that has
come to its end is not run again the next time.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from nova.version import version_string

from nova_livemig_gpu.virt import releases

FUNCTIONAL = "nova.tests.functional.libvirt."
UNIT = "nova.tests.unit.virt.libvirt.test_driver"
#: Stopped after so many seconds, times LIVEMIG_PATIENCE.
LIMIT_S = 1500


@dataclass(frozen=True)
class Module:
    """Tests of Nova's.

    :ivar daily: what migrates, and what every test of a driver needs
    :ivar parts: processes that share its tests
    :ivar since: first release of Nova that it is run beside
    """

    name: str
    daily: bool = False
    parts: int = 1
    since: int = 31


#: Those that take longest come first.
MODULES = (
    Module(UNIT, daily=True, parts=2, since=33),
    Module(FUNCTIONAL + "test_pci_sriov_servers", parts=4),
    Module(FUNCTIONAL + "test_pci_in_placement", parts=2),
    Module(FUNCTIONAL + "test_vtpm"),
    Module(FUNCTIONAL + "test_numa_live_migration", daily=True, since=33),
    Module(FUNCTIONAL + "test_vgpu", daily=True),
    Module(FUNCTIONAL + "test_live_migration", daily=True),
    Module(FUNCTIONAL + "test_server_shares"),
    Module(FUNCTIONAL + "test_evacuate"),
    Module(FUNCTIONAL + "test_power_manage"),
    Module(FUNCTIONAL + "test_vpmem"),
    Module(FUNCTIONAL + "test_uefi"),
    Module(FUNCTIONAL + "test_device_bus_migration"),
    Module(FUNCTIONAL + "test_migration_addr", daily=True, since=33),
)

#: Tests that cannot hold with a driver that does more than Nova's, and why.
#: None of them is an exception of ours. Ten at most.
EXCEPTED: Mapping[str, str] = {}

#: Release of Nova -> how many tests the daily modules have, and how many of
#: them migrate a server to the end of the job, with any result; fewer means
#: that we have lost some on the way.
EXPECTED = {31: (23, 7), 32: (23, 7), 33: (23, 7), 34: (1256, 19)}


@dataclass
class Results:
    """Of one module with one driver; tests by their names.

    :ivar broken: processes that did not come to their end
    :ivar complete: the process has come to its end
    """

    states: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    steered: int = 0
    broken: list[str] = field(default_factory=list)
    complete: bool = False

    def count(self, state: str) -> int:
        return sum(each == state for each in self.states.values())

    def not_passed(self) -> set[str]:
        return {
            test
            for test, state in self.states.items()
            if state not in ("passed", "skipped")
        }


def read(path: Path) -> Results:
    """Read what ``nova_run`` has written; a test that has begun and not
    ended hangs."""
    found = Results()
    if not path.is_file():
        return found
    for text in path.read_text().splitlines():
        line = json.loads(text)
        if "steered" in line:
            found.steered += line["steered"]
            found.complete = True
            continue
        test = line["test"]
        if line["state"] == "begun":
            found.states[test] = "hung"
            continue
        if found.states.get(test) != "failed":  # a clean-up may fail, too
            found.states[test] = line["state"]
        found.seconds += line["seconds"]
        if "why" in line:
            found.reasons.setdefault(test, line["why"])
    return found


def merge(parts: Iterable[Results]) -> Results:
    """Put the parts of a module together."""
    whole = Results()
    for part in parts:
        whole.states.update(part.states)
        whole.reasons.update(part.reasons)
        whole.seconds += part.seconds
        whole.steered += part.steered
        whole.broken += part.broken
    return whole


def run_part(driver: str, module: Module, part: int, folder: Path) -> Results:
    """Run some tests of a module in a process of its own."""
    stem = f"{driver}-{module.name}-{part}"
    path, log = folder / f"{stem}.jsonl", folder / f"{stem}.log"
    done = read(path)
    if done.complete:
        return done
    patience = int(os.environ.get("LIVEMIG_PATIENCE", "1"))
    threading = releases.find(version_string()).number >= 34
    environment = {
        # What Nova's services run on, unless the caller says so.
        "OS_NOVA_DISABLE_EVENTLET_PATCHING": str(threading).lower(),
        "OS_TEST_TIMEOUT": str(400 * patience),
        **os.environ,
        "PYTHONFAULTHANDLER": "1",
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                *("-W", "ignore", "-m", "tests.functional.nova_run"),
                *(driver, str(path), module.name, f"{part}/{module.parts}"),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            code = process.wait(LIMIT_S * patience)
        except subprocess.TimeoutExpired:
            # Python says where each of its threads stands.
            process.send_signal(signal.SIGABRT)
            code = process.wait()
    found = read(path)
    for test in found.not_passed():
        reason = found.reasons.get(test, found.states[test])
        print(f"  {driver}: {test}: {reason}", flush=True)
    if code != 0:
        print(f"  {stem} ended with {code}:", *tail(log), sep="\n")
        found.broken.append(f"{stem} ended with {code}")
    return found


def tail(log: Path) -> Sequence[str]:
    """Return the last lines of a log."""
    return log.read_text(errors="replace").splitlines()[-40:]


def run(
    drivers: Sequence[str], modules: Sequence[Module], jobs: int, folder: Path
) -> dict[tuple[str, str], Results]:
    """Run modules with drivers; return results by module and driver."""
    with ThreadPoolExecutor(jobs) as pool:
        futures = {
            (module.name, driver): [
                pool.submit(run_part, driver, module, part, folder)
                for part in range(1, module.parts + 1)
            ]
            for module in modules
            for driver in drivers
        }
        return {
            key: merge(each.result() for each in parts)
            for key, parts in futures.items()
        }


def short(name: str) -> str:
    """Return a module's name as the table has it."""
    return name.removeprefix("nova.tests.")


def differences(ours: Results, stock: Results | None) -> list[str]:
    """Return the tests that fail with ours and not with Nova's."""
    known = set() if stock is None else stock.not_passed()
    return sorted(ours.not_passed() - known)


def rows(
    results: Mapping[tuple[str, str], Results], modules: Sequence[Module]
) -> Iterator[tuple[str, ...]]:
    """Yield the table's rows."""
    for module in modules:
        ours = results[module.name, "ours"]
        stock = results.get((module.name, "stock"))
        bad = differences(ours, stock)
        yield (
            short(module.name),
            str(len(ours.states)),
            "" if stock is None else _counts(stock),
            _counts(ours),
            ", ".join(test.rsplit(".", 1)[1] for test in bad) or "none",
        )


def _counts(results: Results) -> str:
    passed, skipped = results.count("passed"), results.count("skipped")
    failed = len(results.not_passed())
    text = f"{passed} / {failed}"
    if skipped:
        text += f" ({skipped} skipped)"
    return f"{text}, {results.seconds:.0f} s"


HEAD = ("module", "tests", "Nova's: passed / failed", "ours", "differences")


def plain(table: Sequence[Sequence[str]]) -> str:
    """Return a table for a terminal."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in table
    )


def rst(table: Sequence[Sequence[str]]) -> str:
    """Return the table for the documentation."""
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in table:
        mark = "*"
        for cell in row:
            lines.append(f"   {mark} - {cell}".rstrip())
            mark = " "
    return "\n".join(lines) + "\n"


def problems(
    results: Mapping[tuple[str, str], Results],
    modules: Sequence[Module],
    release: int,
) -> Iterator[str]:
    """Yield why the whole has failed."""
    steered = tests = 0
    for module in modules:
        ours = results[module.name, "ours"]
        steered, tests = steered + ours.steered, tests + len(ours.states)
        for test in differences(ours, results.get((module.name, "stock"))):
            if test not in EXCEPTED:
                yield f"{test}: {ours.states[test]}"
    for each in results.values():
        yield from each.broken
    wanted, wanted_steered = EXPECTED[release]
    if tests < wanted:
        yield f"{wanted} tests expected, {tests} found"
    if steered < wanted_steered:
        yield f"{wanted_steered} steered migrations expected, {steered} seen"


def arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--stock", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rst", type=Path)
    parser.add_argument("--logs", type=Path, help="folder to keep logs in")
    parser.add_argument("module", nargs="*", help="only these")
    return parser.parse_args()


def main() -> int:
    """Run the suite.

    :returns: exit code; 0 where all is well
    """
    wish = arguments()
    release = releases.find(version_string()).number
    modules = [
        module
        for module in MODULES
        if release >= module.since
        and (
            module.name.rsplit(".", 1)[1] in wish.module
            if wish.module
            else wish.all or module.daily
        )
    ]
    drivers = ("ours", "stock") if wish.stock else ("ours",)
    with tempfile.TemporaryDirectory() as scratch:
        folder = wish.logs or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        results = run(drivers, modules, wish.jobs, folder)
    table = [HEAD, *rows(results, modules)]
    print(plain(table))
    if wish.rst:
        wish.rst.write_text(rst(table))
    found = list(problems(results, modules, release))
    if wish.module:  # their number is as was asked for
        found = [each for each in found if " expected, " not in each]
    for problem in found:
        print(f"FAILED: {problem}", file=sys.stderr)
    ours = [results[module.name, "ours"] for module in modules]
    # As unittest does, for tests/run; what Nova itself leaves out is no lack.
    print(f"Ran {sum(len(each.states) for each in ours)} tests\n")
    print(f"FAILED (failures={len(found)})" if found else "OK")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
