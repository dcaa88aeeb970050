#!/usr/bin/env python3
"""The program beside pip's faster-whisper and pywhispercpp: same audio, threads and weights.

    bench/peers.py PROGRAM --model FOLDER [--ggml FILE] [--threads 2] [--rounds 3] FILE ...

Every engine runs in its own process, greedy, model loaded before the clock starts, engines one
after another and that several rounds over, because a machine's speed varies from minute to
minute. Printed are the medians: times real time, words, word error rate against FILE's .txt (when
each file has one), peak memory. The first row is the program; ratios are to it.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import tool_venv  # noqa: E402  (found through the line above)


# ---- Workers: run by the environment of the peers, print the JSON of `amanuensis bench --json` --

def run_faster_whisper(arguments, compute_type):
    """faster-whisper, sequential, greedy, options as the original's greedy decoding."""
    from faster_whisper import WhisperModel
    started = time.perf_counter()
    model = WhisperModel(arguments.model, device="cpu", compute_type=compute_type,
                         cpu_threads=arguments.threads)
    load_s = time.perf_counter() - started
    started, texts, audio_s = time.perf_counter(), [], 0.0
    for path in arguments.files:
        segments, info = model.transcribe(path, language=arguments.language, beam_size=1,
                                          temperature=0.0, condition_on_previous_text=False)
        texts.append("".join(segment.text for segment in segments))
        audio_s += info.duration
    return load_s, time.perf_counter() - started, audio_s, texts


def run_whisper_cpp(arguments):
    """whisper.cpp through pywhispercpp, greedy."""
    from faster_whisper import decode_audio
    from pywhispercpp.model import Model
    started = time.perf_counter()
    model = Model(arguments.ggml, n_threads=arguments.threads, print_progress=False,
                  print_realtime=False, redirect_whispercpp_logs_to=None)
    load_s = time.perf_counter() - started
    started, texts, audio_s = time.perf_counter(), [], 0.0
    for path in arguments.files:
        samples = decode_audio(path)
        segments = model.transcribe(samples, language=arguments.language, temperature_inc=0.0,
                                    no_context=True)
        texts.append(" ".join(segment.text for segment in segments))
        audio_s += len(samples) / 16000
    return load_s, time.perf_counter() - started, audio_s, texts


WORKERS = {
    "faster-whisper int8": lambda arguments: run_faster_whisper(arguments, "int8"),
    "faster-whisper float32": lambda arguments: run_faster_whisper(arguments, "float32"),
    "whisper.cpp": run_whisper_cpp,
}


def work(arguments):
    """Runs one peer and prints what `amanuensis bench --json` would."""
    load_s, wall_s, audio_s, texts = WORKERS[arguments.worker](arguments)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    text = "\n".join(texts)
    print(json.dumps({"load_s": load_s, "wall_s": wall_s, "audio_s": audio_s,
                      "words": len(text.split()), "text": text,
                      "rss_mb": usage.ru_maxrss / 1024}))
    return 0


# ---- The comparison -----------------------------------------------------------------------------

def run_json(command):
    """The JSON object on the last line a command prints."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if run.returncode != 0:
        print(f"{' '.join(map(str, command))}:\n{run.stderr}", file=sys.stderr)
        sys.exit(1)
    return json.loads(run.stdout.strip().splitlines()[-1])


def our_command(arguments, compute_type):
    return [arguments.program, "bench", "--json", "True", "--model", arguments.model,
            "--compute_type", compute_type, "--threads",
            str(arguments.threads), "--language", arguments.language, "--beam_size", "1",
            "--temperature_increment_on_fallback", "None", "--condition_on_previous_text",
            "False", "--", *arguments.files]


def peer_command(python, arguments, worker):
    command = [python, Path(__file__).resolve(), arguments.program, "--worker", worker, "--model",
               arguments.model, "--threads", str(arguments.threads), "--language",
               arguments.language]
    return command + (["--ggml", arguments.ggml] if arguments.ggml else []) + arguments.files


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


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--model", required=True, help="CTranslate2 folder")
    parser.add_argument("--ggml", help="ggml file of the same model for whisper.cpp")
    parser.add_argument("--language", default="en")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", choices=sorted(WORKERS), help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.worker:
        return work(arguments)
    tool_venv.enter("wer", "--no-deps")
    python = tool_venv.ensure("peers")
    commands = {f"amanuensis {compute_type}": our_command(arguments, compute_type)
                for compute_type in ("f32", "int8")}
    for worker in WORKERS:
        if worker != "whisper.cpp" or arguments.ggml:
            commands[worker] = peer_command(python, arguments, worker)
    runs = {name: [] for name in commands}
    for _ in range(arguments.rounds):
        for name, command in commands.items():
            runs[name].append(run_json(command))
    base = statistics.median(run["wall_s"] for run in runs["amanuensis f32"])
    print(f"{len(arguments.files)} files, {runs['amanuensis f32'][0]['audio_s']:.1f} s of audio, "
          f"{arguments.threads} threads, greedy, median of {arguments.rounds} rounds")
    print(f"{'engine':24} {'x real time':>11} {'ours / its':>10} {'wall s':>8} {'load s':>7} "
          f"{'words':>6} {'WER':>7} {'RSS MB':>7}")
    for name, results in runs.items():
        middle = {key: statistics.median(result[key] for result in results)
                  for key in ("wall_s", "load_s", "audio_s", "words", "rss_mb")}
        rate = error_rate(arguments.files, results[0]["text"])
        print(f"{name:24} {middle['audio_s'] / middle['wall_s']:11.1f} "
              f"{middle['wall_s'] / base:10.2f} {middle['wall_s']:8.2f} {middle['load_s']:7.2f} "
              f"{middle['words']:6.0f} {'–' if rate is None else f'{rate:.2f}%':>7} "
              f"{middle['rss_mb']:7.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
