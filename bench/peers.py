#!/usr/bin/env python3
"""The program beside faster-whisper, OpenVINO GenAI and whisper.cpp: same audio, weights, threads.

    bench/peers.py PROGRAM --model FOLDER [--files FILE ...] [--sets read meeting short]
                   [--threads 2] [--rounds 3] [--only TEXT ...] [--under COMMAND] [-- OPTION ...]

FOLDER is a CTranslate2 model; the other engines' forms of it are written once into the build
folder (peer_models.py). Every engine runs in its own process with the model loaded before the
clock starts, engines one after another and that several rounds over, because a machine's speed
varies from minute to minute; medians are printed. The clock runs from the file to its text:
peer_workers.py says what that holds. Options behind -- go to our program alone.

Columns: times real time; wall time of each over ours in the first row; words, and as a percentage
of faster-whisper's sequential mode ("kept"); word error rate against the .txt beside each file, as
tools/wer.py normalises; load time; peak memory.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import peer_models  # noqa: E402
import tool_venv  # noqa: E402  (found through the line above)

GREEDY = ["--temperature_increment_on_fallback", "None", "--condition_on_previous_text", "False"]
OURS = {
    "amanuensis int8": ["--compute_type", "int8"],
    "amanuensis int8 sequential": ["--compute_type", "int8", "--mode", "sequential"],
    "amanuensis f32": ["--compute_type", "f32"],
}
# row: (engine of peer_workers.py, form of the model in peer_models.py)
PEERS = {
    "faster-whisper int8": ("faster-whisper", "ct2"),
    "faster-whisper int8 batch 8": ("faster-whisper-batch8", "ct2"),
    "faster-whisper int8 batch 16": ("faster-whisper-batch16", "ct2"),
    "faster-whisper float32": ("faster-whisper-float32", "ct2"),
    "OpenVINO GenAI int8 weights": ("openvino", "openvino-int8"),
    "OpenVINO GenAI W8A8 encoder": ("openvino", "openvino-w8a8"),
    "whisper.cpp f16": ("whisper.cpp", "ggml-f16"),
    "whisper.cpp q8_0": ("whisper.cpp", "ggml-q8_0"),
}
YARDSTICK = "faster-whisper int8"  # whose words are 100 %

# Recordings of the shared data by name of the set; those of `meeting` become one file.
SETS = {
    "read": ["long/19-198_chapter.opus"],
    "meeting": ["speakers/ami_30s/*.flac", "english/film_notld/*.wav",
                "english/spontaneous_mfa/*.wav"],
    "short": ["english/azure/whatstheweatherlike.wav"],
}


def recordings(name, scratch):
    """Files of a set; several are joined to one in SCRATCH, their texts too."""
    shared = Path(os.environ.get("AMANUENSIS_SHARED") or ROOT.parent / "shared").resolve()
    found = [path for pattern in SETS[name] for path in sorted((shared / "audio").glob(pattern))]
    if not found:
        sys.exit(f"peers: no recording of the set {name} in {shared}/audio")
    if len(found) == 1:
        return found
    joined = scratch / f"{name}.wav"
    inputs = [word for path in found for word in ("-i", str(path))]
    subprocess.run(["ffmpeg", "-v", "error", *inputs, "-filter_complex",
                    f"concat=n={len(found)}:v=0:a=1", "-ac", "1", "-ar", "16000", joined],
                   check=True)
    texts = [path.with_suffix(".txt").read_text(encoding="utf-8").strip() for path in found]
    joined.with_suffix(".txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    return [joined]


def run_json(command):
    """The JSON object on the last line a command prints."""
    run = subprocess.run(command, capture_output=True, text=True, check=False,
                         env=os.environ | {"HF_HUB_OFFLINE": "1"})
    if run.returncode != 0:
        print(f"{' '.join(map(str, command))}:\n{run.stderr}", file=sys.stderr)
        sys.exit(1)
    return json.loads(run.stdout.strip().splitlines()[-1])


def commands_of(arguments):
    """row -> the command that measures it, but for the files."""
    common = ["--language", arguments.language, "--threads", str(arguments.threads),
              "--beam_size", str(arguments.beam_size), "--repeat", str(arguments.repeat)]

    def wanted(row):
        return not arguments.only or any(text in row for text in arguments.only)

    commands = {row: [arguments.program, "bench", "--json", "True", "--model", arguments.model,
                      *common, *GREEDY, *options, *arguments.options, "--"]
                for row, options in OURS.items() if wanted(row)}
    python = tool_venv.ensure("peers")
    models = peer_models.Forms(arguments.model)
    for row, (engine, form) in PEERS.items():
        if wanted(row):
            commands[row] = [python, ROOT / "bench" / "peer_workers.py", engine, "--model",
                             models.path(form), *common, "--"]
    return commands


def error_rate(files, text):
    """Word error rate in percent over all files, or None when a reference is missing."""
    references = [Path(path).with_suffix(".txt") for path in files]
    if not all(path.exists() for path in references):
        return None
    import wer
    english, _ = wer.normalizers()
    reference = " ".join(path.read_text(encoding="utf-8") for path in references)
    words, errors = wer.count_errors(reference, text, english)
    return 100 * errors / words


def compare(arguments, title, files):
    """Measures every row on FILES and prints the table."""
    runs = {row: [] for row in arguments.commands}
    for _ in range(arguments.rounds):
        for row, command in arguments.commands.items():
            runs[row].append(run_json([*arguments.under, *command, *map(str, files)]))
    middle = {row: {key: statistics.median(result[key] for result in results)
                    for key in ("wall_s", "load_s", "audio_s", "words", "rss_mb")}
              for row, results in runs.items()}
    first = next(iter(middle.values()))
    kept_base = middle[YARDSTICK]["words"] if YARDSTICK in middle else None
    print(f"{title}: {len(files)} files, {first['audio_s']:.1f} s of audio, "
          f"{Path(arguments.model).name}, {arguments.threads} threads, beam "
          f"{arguments.beam_size}, median of {arguments.rounds} rounds")
    heads = ("engine", "x real time", "its / ours", "wall s", "words", "kept", "WER", "load s",
             "RSS MB")
    shape = ("| {:28} | {:>11} | {:>10} | {:>8} | {:>6} | {:>7} | {:>7} | {:>6} | {:>6} |"
             if arguments.markdown else "{:28} {:>11} {:>10} {:>8} {:>6} {:>7} {:>7} {:>6} {:>6}")
    print(shape.format(*heads))
    if arguments.markdown:
        print("|---" * len(heads) + "|")
    for row, its in middle.items():
        rate = error_rate(files, runs[row][0]["text"])
        kept = f"{100 * its['words'] / kept_base:.1f}%" if kept_base else "–"
        print(shape.format(row, f"{its['audio_s'] / its['wall_s']:.1f}",
                           f"{its['wall_s'] / first['wall_s']:.2f}", f"{its['wall_s']:.3f}",
                           f"{its['words']:.0f}", kept, "–" if rate is None else f"{rate:.2f}%",
                           f"{its['load_s']:.2f}", f"{its['rss_mb']:.0f}"), flush=True)
    print()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--model", required=True, help="CTranslate2 folder")
    parser.add_argument("--files", nargs="+", default=[], help="measure these recordings together")
    parser.add_argument("--sets", nargs="+", default=[], choices=sorted(SETS),
                        help="measure these sets of the shared data, each by itself")
    parser.add_argument("--language", default="en")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--beam_size", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3, help="processes per engine")
    parser.add_argument("--repeat", type=int, default=1, help="transcriptions per process")
    parser.add_argument("--only", nargs="+", default=[], help="only rows that contain one of these")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--under", type=shlex.split, default=[], metavar="COMMAND",
                        help="start every engine under this: 'taskset -c 0,1'")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:end])
    arguments.options = words[end + 1:]  # argparse finds no -- behind other options
    if not arguments.files and not arguments.sets:
        parser.error("neither --files nor --sets")
    return arguments


def main():
    arguments = parse_arguments()
    tool_venv.enter("wer", "--no-deps")
    arguments.commands = commands_of(arguments)
    if not arguments.commands:
        sys.exit("peers: no row is called so")
    if arguments.files:
        compare(arguments, "files", arguments.files)
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.sets:
            compare(arguments, name, recordings(name, Path(scratch)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
