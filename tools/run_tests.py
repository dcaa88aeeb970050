#!/usr/bin/env python3
"""Runs `meson test` and closes with one line: N passed, N failed, N skipped.

The counts come from Meson's own testlog.json. A run without a single test is a failure, and so
is a test that Meson gave up on. Programs that print the subtest lines `skipped: NAME: why` have
those listed, so that nothing is left out silently.
"""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP"}


def read_log(path):
    """The records of a testlog.json: one JSON object per line."""
    with open(path, encoding="utf-8", errors="replace") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def summarise(records):
    """(counts, names of failures, reasons of skips) of a list of records."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failures, skips = [], []
    for record in records:
        result = record["result"]
        if result in PASSED:
            counts["passed"] += 1
        elif result in SKIPPED:
            counts["skipped"] += 1
            if not first_line(record).startswith("skipped: "):
                skips.append(f"{record['name']}: {first_line(record)}")
        else:
            counts["failed"] += 1
            failures.append(f"{record['name']} ({result.lower()})")
        for line in (record.get("stdout") or "").splitlines():
            if line.startswith("skipped: "):
                skips.append(f"{record['name']}: {line[len('skipped: '):]}")
    return counts, failures, skips


def first_line(record):
    """Why a test was skipped, in its own words."""
    lines = ((record.get("stdout") or "") + (record.get("stderr") or "")).strip().splitlines()
    return lines[0] if lines else "no reason given"


def self_test():
    """Seeded logs: every outcome is counted, an unknown result counts as a failure."""
    counts, failures, skips = summarise([
        {"name": "a", "result": "OK", "stdout": "skipped: one: no data\n"},
        {"name": "b", "result": "FAIL"},
        {"name": "c", "result": "TIMEOUT"},
        {"name": "d", "result": "SKIP", "stdout": "no model"},
        {"name": "e", "result": "UNEXPECTEDPASS"},
        {"name": "f", "result": "SKIP", "stdout": "skipped: no speech\n"},
    ])
    assert counts == {"passed": 1, "failed": 3, "skipped": 2}, counts
    assert failures == ["b (fail)", "c (timeout)", "e (unexpectedpass)"], failures
    assert skips == ["a: one: no data", "d: no model", "f: no speech"], skips
    print("run_tests: self-test ok")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", nargs="?")
    parser.add_argument("--setup", default="quick")
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()

    log = Path(arguments.build, "meson-logs", f"testlog-{arguments.setup}.json")
    log.unlink(missing_ok=True)
    command = ["meson", "test", "-C", arguments.build, "--no-rebuild", "--print-errorlogs",
               "--setup", arguments.setup, "--num-processes", str(os.cpu_count() or 2)]
    status = subprocess.run(command, check=False).returncode
    records = read_log(log) if log.exists() else []
    counts, failures, skips = summarise(records)
    for line in skips:
        print(f"skipped: {line}")
    for line in failures:
        print(f"failed: {line}")
    if not records:
        print("run_tests: no test ran", file=sys.stderr)
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**counts), flush=True)
    return 1 if status != 0 or counts["failed"] or not records else 0


if __name__ == "__main__":
    sys.exit(main())
