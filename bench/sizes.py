#!/usr/bin/env python3
"""Speed of the sizes people use for quality, on generated weights: small and large-v3-turbo.

    bench/sizes.py BUILD OUT [--sizes small large-v3-turbo] [--repeat 5] [--openvino] [--under CMD]

Makes the models in OUT (build/bench/make_size) where they are absent. Random weights say nothing
true, so there is no text to look at: measured are the encoder's time for a 30 s window with its
share of the measured peak, that of its matrix products alone, the decoder's step at 1 and 8 rows,
the time to load and the peak of resident memory. With --openvino, OpenVINO's encoder from the same
weights, quantised to 8 bits by NNCF, right behind ours.
"""
import argparse
import json
import re
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import tool_venv  # noqa: E402  (found through the line above)

THREADS = 2


def run(arguments, command):
    print("$", *command, file=sys.stderr)
    under = shlex.split(arguments.under)
    return subprocess.run([*under, *map(str, command)], check=True, capture_output=True,
                          text=True).stdout


def encoder(arguments, folder):
    """(ms of a window, % of peak, ms of the products alone, % of peak) by bench_encoder."""
    out = run(arguments, [arguments.build / "bench/bench_encoder", "--int8", "1", "--threads",
                          THREADS, "--repeat", arguments.repeat, folder])
    whole = re.search(r"^int8 .* in ([\d.]+) ms .*, (\d+) GOPS", out, re.MULTILINE)
    products = re.search(r"^products .*: ([\d.]+) ms, \d+ GOPS, (\d+) % of the measured (\d+)",
                         out, re.MULTILINE)
    share = 100 * float(whole[2]) / float(products[3])
    return float(whole[1]), share, float(products[1]), float(products[2])


def decoder(arguments, folder):
    """rows -> ms of a step, by decoder_step."""
    out = run(arguments, [arguments.build / "bench/decoder_step", folder, "int8", THREADS])
    rows = [line.split() for line in out.splitlines()[2:]]
    return {(int(row[0]), int(row[1])): float(row[3]) for row in rows}


def whole_program(arguments, folder, clip):
    """(seconds to load, MB) of the program with the model and a short recording."""
    out = run(arguments, [arguments.build / "amanuensis", "bench", "--json", "true", "--model",
                          folder, "--threads", THREADS, "--vad_filter", "False", "--language",
                          "en", "--beam_size", "1", "--max_new_tokens", "4",
                          "--temperature_increment_on_fallback", "None", clip])
    answer = json.loads(out)
    return answer["load_s"], answer["rss_mb"]


def time_openvino(folder, n_repeat):
    """Prints the median ms of OpenVINO's encoder of the folder's weights."""
    import numpy
    import nncf
    import openvino
    import torch
    from transformers import WhisperForConditionalGeneration
    model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    n_mels = model.config.num_mel_bins
    converted = openvino.convert_model(model.model.encoder.eval(),
                                       example_input=torch.zeros(1, n_mels, 3000))
    converted = nncf.compress_weights(converted, mode=nncf.CompressWeightsMode.INT8_SYM)
    compiled = openvino.compile_model(converted, "CPU", {"INFERENCE_NUM_THREADS": THREADS})
    mel = numpy.random.default_rng(0).standard_normal((1, n_mels, 3000), numpy.float32)
    request = compiled.create_infer_request()
    times = []
    for _ in range(n_repeat + 1):  # the first warms up
        start = time.perf_counter()
        request.infer([mel])
        times.append(1e3 * (time.perf_counter() - start))
    print(statistics.median(times[1:]))


def openvino_encoder(arguments, folder):
    """The same, by a process of its own: what loads it counts as memory of all its children."""
    python = tool_venv.ensure("openvino-model")
    out = run(arguments, [python, __file__, arguments.build, arguments.out, "--repeat",
                          arguments.repeat, "--time-openvino", folder])
    return float(out.split()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--sizes", nargs="+", default=["small", "large-v3-turbo"])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--openvino", action="store_true")
    parser.add_argument("--under", default="", help="command that runs ours, such as chrt -f 50")
    parser.add_argument("--time-openvino", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.time_openvino:
        time_openvino(arguments.time_openvino, arguments.repeat)
        return 0
    clip = arguments.out / "clip.wav"
    arguments.out.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i",
                    "anoisesrc=d=10:r=16000:seed=1", clip], check=True)
    print("| size | encoder ms | of peak | products ms | of peak | step, 1 row | step, 8 rows | "
          "load s | peak MB | OpenVINO's encoder ms |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for size in arguments.sizes:
        folder = arguments.out / size
        if not (folder / "model.safetensors").exists():
            folder.mkdir(parents=True, exist_ok=True)
            run(arguments, [arguments.build / "bench/make_size", size, folder])
        whole, share, products, products_share = encoder(arguments, folder)
        steps = decoder(arguments, folder)
        load_s, megabytes = whole_program(arguments, folder, clip)
        beside = f"{openvino_encoder(arguments, folder):.0f}" if arguments.openvino else ""
        print(f"| {size} | {whole:.0f} | {share:.0f} % | {products:.0f} | {products_share:.0f} % | "
              f"{steps[1, 1]:.1f} ms | {steps[8, 1]:.1f} ms | {load_s:.2f} | {megabytes:.0f} | "
              f"{beside} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
