#!/usr/bin/env python3
"""Beam search, word times, languages and a long chapter beside the original's.

    tools/parity.py PROGRAM --model MODEL --golden tiny.en|base [--checks beam,words,language,long]

Compares with golden/*/words_and_beam.json of the shared data. Texts of beam search must be the
same, but for ties (listed with both texts, logits and scores); word edges must lie within 20 ms in
the median and 60 ms at the 95th percentile; detected languages must be the original's; the
chapter, with the original's defaults, must keep 98 % of its words up to the first window that is
sampled above temperature 0. Exit code 1 otherwise.

The golden word times were made with all heads of the upper half of the decoder, the original's
default for weights without a list of alignment heads; a copy of the model that says so is used.
"""
import argparse
import difflib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import logit_gap

ROOT = Path(__file__).resolve().parent.parent
BARE = ["--temperature_increment_on_fallback", "None", "--condition_on_previous_text", "False"]
MEDIAN_S, P95_S, WORDS_KEPT = 0.020, 0.060, 0.98


def shared_folder():
    """The shared data; ends the program when there is none."""
    folder = Path(os.environ.get("AMANUENSIS_SHARED") or ROOT.parent / "shared").resolve()
    if not (folder / "golden").is_dir():
        print(f"skipped: parity: no {folder}/golden")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    return folder


def transcribe(program, model, path, options):
    command = [program, "transcribe", "--model", str(model), "--mode", "sequential", "--quiet",
               "True", "-f", "json", "-o", "-", *options, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False,
                         env={"AMANUENSIS_COMPUTE_TYPE": "f32"} | os.environ)
    if run.returncode != 0:
        sys.exit(f"parity: {path}: {run.stderr.strip()}")
    return json.loads(run.stdout)


def with_golden_heads(model, folder):
    """A CTranslate2 model whose alignment heads are the upper half of the decoder."""
    model = Path(model)
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    layers, heads = {"tiny": (4, 6), "base": (6, 8)}["base" if "base" in model.name else "tiny"]
    config["alignment_heads"] = [[layer, head] for layer in range(layers // 2, layers)
                                 for head in range(heads)]
    for file in model.iterdir():
        if file.name != "config.json":
            (folder / file.name).symlink_to(file.resolve())
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def check_beam(run, golden, explain):
    same, changed, ties = 0, [], 0
    for name, entry in golden.items():
        result = run(name, ["--language", entry["language"], "--beam_size", "5", *BARE])
        original = "".join(segment["text"] for segment in entry["beam5"])
        if result["text"].strip() == original.strip():
            same += 1
        else:
            changed.append((name, result, original))
    print(f"beam 5: text identical on {same} of {len(golden)} clips")
    for name, result, original in changed:
        text = result["text"]
        for tag, i, j, k, l in difflib.SequenceMatcher(None, original.split(),
                                                       text.split()).get_opcodes():
            if tag != "equal":
                print(f"  {name}: original '{' '.join(original.split()[i:j])}', "
                      f"ours '{' '.join(text.split()[k:l])}'")
        lines, is_tie = explain(name, golden[name]["language"], result["segments"],
                                golden[name]["beam5"])
        ties += is_tie
        print("".join(f"    {line}\n" for line in lines), end="")
    return same + ties == len(golden)


def weigh(arguments, shared, name, language, ours, original):
    """(lines, is a tie) about a text of beam search that differs.

    A tie is what the rounding of the audio decides: the original reads audio that the ffmpeg
    program has rounded to 16 bits, we do not round. Given that audio, the text must be its own.
    """
    path = shared / "audio" / name
    lines = logit_gap.explain(arguments.program, arguments.model, language, path, ours, original)
    with tempfile.TemporaryDirectory() as folder:
        rounded = Path(folder, "rounded.wav")
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-i", path, "-ac", "1", "-ar", "16000",
                        "-c:a", "pcm_s16le", rounded], check=True)
        text = transcribe(arguments.program, arguments.model, rounded,
                          ["--language", language, "--beam_size", "5", *BARE])["text"]
    is_tie = text.strip() == "".join(segment["text"] for segment in original).strip()
    lines.append("given the audio rounded to 16 bits: "
                 + ("the original's text" if is_tie else f"still other: {text}"))
    return lines, is_tie


def check_words(run, golden):
    edges, other = [], []
    for name, entry in golden.items():
        result = run(name, ["--language", entry["language"], "--beam_size", "1",
                            "--word_timestamps", "True", *BARE])
        theirs = [word for segment in entry["greedy_words"] for word in segment.get("words", [])]
        ours = [word for segment in result["segments"] for word in segment.get("words", [])]
        if [word["word"] for word in theirs] != [word["word"] for word in ours]:
            other.append(name)
            continue
        for a, b in zip(ours, theirs):
            edges += [abs(a["start"] - b["start"]), abs(a["end"] - b["end"])]
    edges.sort()
    if not edges:
        return False
    median, p95 = edges[len(edges) // 2], edges[int(0.95 * len(edges))]
    print(f"word times: {len(edges)} edges, median |delta| {1000 * median:.0f} ms, "
          f"95th percentile {1000 * p95:.0f} ms, largest {1000 * edges[-1]:.0f} ms; "
          f"clips with other words: {other or 'none'}")
    return median <= MEDIAN_S + 1e-9 and p95 <= P95_S + 1e-9


def check_language(run, golden):
    wrong = []
    for name, best in golden.items():
        wanted = best[0][0]
        found = run(name, ["--beam_size", "1", "--clip_timestamps", "0,1", *BARE])["language"]
        if found != wanted:
            wrong.append(f"{name}: {found}, original {wanted}")
    print(f"languages: {len(golden) - len(wrong)} of {len(golden)} as the original detects")
    for line in wrong:
        print(f"  {line}")
    return not wrong


def share_kept(segments, original):
    """(share of the original's words that are kept in order, their number)."""
    ours, theirs = ([word for segment in part for word in segment["text"].split()]
                    for part in (segments, original))
    matcher = difflib.SequenceMatcher(None, theirs, ours, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(theirs), len(theirs)


def check_long(run, golden):
    good = True
    for name, entry in golden.items():
        path, _, setting = name.partition("#")
        condition = setting.rsplit("=", 1)[1]
        result = run(path, ["--language", "en", "--beam_size", "1", "--best_of", "1",
                            "--condition_on_previous_text", condition])
        kept, n = share_kept(result["segments"], entry["segments"])
        print(f"long: {name}: {100 * kept:.2f} % of {n} words the same")
        # Above temperature 0 tokens are drawn at random, and where the drawn window ends decides
        # where all later ones begin: only what lies before it can be compared.
        drawn = [segment["seek"] for segment in result["segments"] if segment["temperature"] > 0]
        if drawn:
            before = [[segment for segment in segments if segment["seek"] < min(drawn)]
                      for segments in (result["segments"], entry["segments"])]
            kept, n = share_kept(*before)
            print(f"  before the first window drawn at random ({min(drawn) / 100:.0f} s): "
                  f"{100 * kept:.2f} % of {n} words")
        good &= kept >= WORDS_KEPT
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--model", required=True)
    parser.add_argument("--golden", default="tiny.en")
    parser.add_argument("--checks", default="beam,words,language,long")
    parser.add_argument("--only", default="", help="only clips whose name contains this")
    arguments = parser.parse_args()
    shared = shared_folder()
    path = shared / "golden" / arguments.golden / "words_and_beam.json"
    golden = json.loads(path.read_text(encoding="utf-8"))
    detected = golden.pop("detect_language", {})
    golden = {name: entry for name, entry in golden.items() if arguments.only in name}
    clips = {name: entry for name, entry in golden.items() if "#" not in name}
    chosen = arguments.checks.split(",")
    good = True

    def runner(model):
        return lambda name, options: transcribe(arguments.program, model,
                                                shared / "audio" / name, options)

    if "beam" in chosen:
        good &= check_beam(runner(arguments.model), clips,
                           lambda *clip: weigh(arguments, shared, *clip))
    if "words" in chosen:
        with tempfile.TemporaryDirectory() as folder:
            good &= check_words(runner(with_golden_heads(arguments.model, Path(folder))), clips)
    if "language" in chosen and detected:
        good &= check_language(runner(arguments.model), detected)
    long = {name: entry for name, entry in golden.items() if "#" in name}
    if "long" in chosen and long:
        good &= check_long(runner(arguments.model), long)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
