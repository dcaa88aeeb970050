#!/usr/bin/env python3
"""Peak memory of a long recording beside a short one's.

    tools/memory.py PROGRAM --model MODEL [--minutes 60] [--limit 30] FILE…

Repeats the given recordings to one minute and to --minutes, transcribes both and prints the peak
resident size of each. Exit code 1 when the long one takes over --limit MB more.
"""
import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def repeat(files, minutes, target):
    """Writes 16 kHz mono WAV of the files one after another, again and again."""
    listing = target.with_suffix(".txt")
    paths = [str(Path(file).resolve()).replace("'", "'\\''") for file in files]
    listing.write_text("".join(f"file '{path}'\n" for path in paths), encoding="utf-8")
    subprocess.run(["ffmpeg", "-y", "-v", "error", "-stream_loop", "-1", "-f", "concat", "-safe",
                    "0", "-i", str(listing), "-t", str(60 * minutes), "-ac", "1", "-ar", "16000",
                    str(target)], check=True)


def peak_mb(command):
    """Peak resident size of the program in MB."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"memory: {' '.join(command)}: exit {process.returncode}")
    return usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--model", required=True)
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--limit", type=float, default=30)
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    peaks = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in (1, arguments.minutes):
            target = Path(folder) / f"{minutes}.wav"
            repeat(arguments.files, minutes, target)
            peaks.append(peak_mb([arguments.program, "transcribe", "--model", arguments.model,
                                  "--language", "en", "--beam_size", "1", "--quiet", "True",
                                  "--temperature_increment_on_fallback", "None", str(target)]))
            print(f"{minutes} min: peak {peaks[-1]:.1f} MB")
    more = peaks[1] - peaks[0]
    print(f"{arguments.minutes} minutes take {more:.1f} MB more (limit {arguments.limit:.0f})")
    return 0 if more <= arguments.limit else 1


if __name__ == "__main__":
    sys.exit(main())
