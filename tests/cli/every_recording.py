#!/usr/bin/env python3
"""Transcribes every file of the shared recordings into every format: nothing may break.

    every_recording.py PROGRAM [--model MODEL] [--seconds 20] [--batch 12] [--jobs N]

A file of the manifest that holds speech must give all seven formats. A damaged file may instead
fail with one line and a documented exit code. Meant for builds with sanitizers: a report of one,
a leak or a signal ends the run as a failure. There the model's arithmetic is what takes long, so
a process takes a batch of files, and of each file the first --seconds are decoded (0: all of it);
every reader, writer and the word times run on every file all the same.
"""
import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FORMATS = ("csv", "json", "lrc", "srt", "tsv", "txt", "vtt")
# E_AUDIO, E_NO_AUDIO and E_IO: what a damaged file may end with.
LAWFUL = {4, 5, 6}
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1",
              "UBSAN_OPTIONS": "halt_on_error=1", "TSAN_OPTIONS": "halt_on_error=1"}


def recordings(shared):
    """path -> whether it must succeed, of every sound file of the manifest."""
    with open(shared / "audio" / "manifest.tsv", encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    return {shared / "audio" / row["path"]: row["group"] != "files" for row in rows}


def batches(paths, size):
    """Lists of at most `size` paths whose outputs do not get in each other's way."""
    rows = []
    for path in paths:
        row = next((row for row in rows if len(row) < size
                    and path.stem not in {other.stem for other in row}), None)
        if row is None:
            rows.append(row := [])
        row.append(path)
    return rows


def transcribe(program, model, seconds, paths):
    """path -> None or the line that refuses it, of one run; RuntimeError when anything is odd."""
    command = [program, "--model", model, "--mode", "sequential", "--beam_size", "1",
               "--language", "en", "--threads", "1", "--temperature_increment_on_fallback", "None",
               "--word_timestamps", "True", "--quiet", "True", "-f", "all"]
    command += ["--clip_timestamps", f"0,{seconds:g}"] if seconds else []
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run([*command, "-o", folder, "--", *paths], stdin=subprocess.DEVNULL,
                             capture_output=True, check=False, env=SANITIZERS | os.environ)
        left = {item.name for item in Path(folder).iterdir()}
    errors = run.stderr.decode("utf-8", errors="replace")
    lines, outcome = errors.splitlines(), {}
    for path in paths:
        wanted = {f"{path.stem}.{extension}" for extension in FORMATS}
        about = [line for line in lines if f"{path}: " in line]
        if not (wanted <= left and not about or len(about) == 1 and not wanted & left):
            raise RuntimeError(f"{path.name}: exit {run.returncode}, left {sorted(left)}\n{errors}")
        outcome[path] = about[0] if about else None
        left -= wanted
    n_refused = sum(line is not None for line in outcome.values())
    if left or len(lines) != n_refused or run.returncode not in (LAWFUL if n_refused else {0}):
        names = ", ".join(path.name for path in paths)
        raise RuntimeError(f"{names}: exit {run.returncode}, left {sorted(left)}\n{errors}")
    return outcome


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--model", type=Path, help="default: the shared tiny.en")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--batch", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--only", default="", help="only files whose path contains this")
    arguments = parser.parse_args()
    shared = Path(os.environ.get("AMANUENSIS_SHARED") or ROOT.parent / "shared").resolve()
    model = arguments.model or shared / "models" / "whisper-tiny.en"
    if not model.exists():
        print(f"no {model}")
        return 1 if os.environ.get("CI") == "true" else 77
    started = time.monotonic()
    files = {path: must for path, must in recordings(shared).items() if arguments.only in str(path)}
    outcome, failed = {}, []

    def run(paths):
        try:
            return transcribe(arguments.program, model, arguments.seconds, paths), None
        except RuntimeError as error:
            return {}, str(error)

    with ThreadPoolExecutor(arguments.jobs) as pool:
        for found, error in pool.map(run, batches(files, arguments.batch)):
            outcome |= found
            failed += [error] if error else []
    for path, line in outcome.items():
        if line is not None:
            print(f"refused: {line}")
            if files[path]:
                failed.append(f"{path.name}: must be transcribed")
    for line in failed:
        print(f"FAILED: {line}")
    n_refused = sum(line is not None for line in outcome.values())
    print(f"every recording: {len(files)} files, {len(outcome) - n_refused} transcribed, "
          f"{n_refused} refused, {len(failed)} failed, {time.monotonic() - started:.0f} s")
    few = len(outcome) - n_refused < 100 and not arguments.only
    return 1 if failed or few or not files else 0


if __name__ == "__main__":
    sys.exit(main())
