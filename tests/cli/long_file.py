#!/usr/bin/env python3
"""A file of an hour takes no more memory than one of a minute: peak RSS within 30 MB.

    long_file.py PROGRAM MAKE_MODEL [--model MODEL] [--speech FILE]

Without a model a tiny one of random weights decodes; without speech, noise is transcribed.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ALLOWED_MB = 30
FAST = ["--mode", "sequential", "--beam_size", "1", "--temperature_increment_on_fallback", "None",
        "--no_speech_threshold", "None", "--language", "en"]


def make_audio(path, seconds, speech):
    """An mp3 of this length: speech over and over, or noise."""
    source = ["-stream_loop", "-1", "-i", speech] if speech else \
        ["-f", "lavfi", "-i", "anoisesrc=amplitude=0.1:seed=1"]
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *source, "-t", str(seconds), "-ar",
                    "16000", "-ac", "1", "-b:a", "32k", path], check=True)


def measure(program, model, path):
    """What `amanuensis bench` says of one file."""
    command = [program, "bench", "--json", "True", "--model", model, *FAST, path]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(run.stderr)
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("make_model")
    parser.add_argument("--model")
    parser.add_argument("--speech")
    arguments = parser.parse_args()
    peaks = []
    with tempfile.TemporaryDirectory() as scratch:
        model = arguments.model or Path(scratch, "model")
        if not arguments.model:
            subprocess.run([arguments.make_model, model], check=True)
        for seconds in (60, 3600):
            path = Path(scratch, f"{seconds}.mp3")
            make_audio(path, seconds, arguments.speech)
            found = measure(arguments.program, model, path)
            peaks.append(found["rss_mb"])
            print(f"{seconds} s: read {found['audio_s']:.1f} s, peak RSS {found['rss_mb']:.1f} MB, "
                  f"{found['x_real_time']:.1f} x real time")
            if abs(found["audio_s"] - seconds) > 1:
                print("the file was not read to its end")
                return 1
    print(f"difference {peaks[1] - peaks[0]:.1f} MB, allowed {ALLOWED_MB}")
    return 0 if peaks[1] - peaks[0] <= ALLOWED_MB else 1


if __name__ == "__main__":
    sys.exit(main())
