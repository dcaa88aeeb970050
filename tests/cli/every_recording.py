#!/usr/bin/env python3
"""Transcribes every file of the shared recordings into every format: nothing may break.

    every_recording.py PROGRAM [--model MODEL]

A file of the manifest that holds speech must give all seven formats. A damaged file may instead
fail with one line and a documented exit code. Meant for builds with sanitizers: a report of one,
a leak or a signal ends the run as a failure. Long recordings are cut by --clip_timestamps. A small
model of random weights (make_model) makes a sanitized run fast: it says nonsense, through the same
code.
"""
import argparse
import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
FORMATS = ("csv", "json", "lrc", "srt", "tsv", "txt", "vtt")
# E_AUDIO, E_NO_AUDIO and E_IO: what a damaged file may end with.
LAWFUL = {4, 5, 6}


def recordings(shared):
    """(path, whether it must succeed) of every sound file of the manifest."""
    with open(shared / "audio" / "manifest.tsv", encoding="utf-8") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    for row in rows:
        damaged = row["group"] == "files"
        yield shared / "audio" / row["path"], not damaged


def transcribe(program, model, path, folder):
    """What is wrong with the outcome of one file, or None; and whether it gave a result."""
    command = [program, "--model", model, "--beam_size", "1", "--language", "en",
               "--temperature_increment_on_fallback", "None", "--clip_timestamps", "0,30",
               "--word_timestamps", "True", "--quiet", "True", "-f", "all", "-o", folder, path]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    errors = run.stderr.decode("utf-8", errors="replace")
    left = sorted(item.name for item in Path(folder).iterdir())
    wanted = sorted(f"{path.stem}.{extension}" for extension in FORMATS)
    if run.returncode == 0 and left == wanted and not errors:
        return None, True
    if run.returncode in LAWFUL and not left and errors.count("\n") == 1:
        return errors.strip(), False
    raise RuntimeError(f"{path.name}: exit {run.returncode}, left {left}\n{errors}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--model", type=Path, help="default: the shared tiny.en")
    arguments = parser.parse_args()
    shared = Path(os.environ.get("AMANUENSIS_SHARED") or ROOT.parent / "shared").resolve()
    model = arguments.model or shared / "models" / "whisper-tiny.en"
    if not model.exists():
        print(f"no {model}")
        return 1 if os.environ.get("CI") == "true" else 77
    counts, failed = {"transcribed": 0, "refused": 0}, []
    for path, must_succeed in recordings(shared):
        with tempfile.TemporaryDirectory() as folder:
            try:
                refusal, done = transcribe(arguments.program, model, path, folder)
            except RuntimeError as error:
                failed.append(str(error))
                continue
        counts["transcribed" if done else "refused"] += 1
        if not done:
            print(f"refused: {refusal}")
            if must_succeed:
                failed.append(f"{path.name}: must be transcribed")
    for line in failed:
        print(f"FAILED: {line}")
    print(f"every recording: {counts['transcribed']} transcribed, {counts['refused']} refused, "
          f"{len(failed)} failed")
    return 1 if failed or counts["transcribed"] < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
