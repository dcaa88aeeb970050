#!/usr/bin/env python3
"""A file of an hour takes no more memory than one of ten minutes: peak RSS within 30 MB.

    long_file.py PROGRAM MAKE_MODEL [--model MODEL] [--speech FILE] [--mode batched|sequential]

In both modes, unless one is named. Without a model a tiny one of random weights decodes; without
speech, noise is transcribed.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ALLOWED_MB = 30
LENGTHS = (600, 3600)  # ten minutes fill a batch
FAST = ["--beam_size", "1", "--temperature_increment_on_fallback", "None",
        "--no_speech_threshold", "None", "--language", "en"]


def make_audio(path, seconds, speech):
    """An mp3 of this length: speech over and over, or noise."""
    source = ["-stream_loop", "-1", "-i", speech] if speech else \
        ["-f", "lavfi", "-i", "anoisesrc=amplitude=0.1:seed=1"]
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", *source, "-t", str(seconds), "-ar",
                    "16000", "-ac", "1", "-b:a", "32k", path], check=True)


def measure(program, model, path, options):
    """What `amanuensis bench` says of one file."""
    command = [program, "bench", "--json", "True", "--model", model, *FAST, *options, path]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise RuntimeError(run.stderr)
    return json.loads(run.stdout)


def check_mode(program, model, scratch, options):
    """Whether the long file is read to its end in the short one's memory."""
    peaks = []
    for seconds in LENGTHS:
        found = measure(program, model, Path(scratch, f"{seconds}.mp3"), options)
        peaks.append(found["rss_mb"])
        print(f"{' '.join(options)}, {seconds} s: read {found['audio_s']:.1f} s, "
              f"peak RSS {found['rss_mb']:.1f} MB, {found['x_real_time']:.1f} x real time")
        if abs(found["audio_s"] - seconds) > 1:
            print("the file was not read to its end")
            return False
    print(f"difference {peaks[1] - peaks[0]:.1f} MB, allowed {ALLOWED_MB}")
    return peaks[1] - peaks[0] <= ALLOWED_MB


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("make_model")
    parser.add_argument("--model")
    parser.add_argument("--speech")
    parser.add_argument("--mode")
    arguments = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as scratch:
        model = arguments.model or Path(scratch, "model")
        if not arguments.model:
            subprocess.run([arguments.make_model, model], check=True)
        for seconds in LENGTHS:
            make_audio(Path(scratch, f"{seconds}.mp3"), seconds, arguments.speech)
        for mode in [arguments.mode] if arguments.mode else ["batched", "sequential"]:
            options = ["--mode", mode]
            if mode == "batched" and not arguments.speech:
                options += ["--vad_filter", "False"]  # noise is no speech
            good &= check_mode(arguments.program, model, scratch, options)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
