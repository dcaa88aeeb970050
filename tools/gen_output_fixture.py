#!/usr/bin/env python3
"""Writes tests/data/output: results and what openai/whisper's writers make of them, the oracle of
tests/unit/test_output.c.

Usage: gen_output_fixture.py WHISPER_UTILS_PY OUT_DIR
NAME.json is the result itself as WriteJSON writes it; NAME.OPTIONS.srt and so on are written with
the options in the name: wN max_line_width, cN max_line_count, mN max_words_per_line, h
highlight_words.
"""
import importlib.util
import random
import sys
from pathlib import Path

sys.dont_write_bytecode = True

OPTIONS = ["w20", "c1", "w18.c2", "w9.c3.h", "m3", "m4.w12", "h", "m2.h", "w1000.c1"]

SPEECH = [
    (0.0, " And so, my fellow Americans: ask not what your country can do for you!"),
    (5.3035, " \"Quoted\", naïve café\tStraße -- it's 3.14 \\ 100%?"),
    (14.8125, " 今天天气很好，我们去公园吧。"),
    (16.5686, " \U0001f600 смех\u3000и\u00a0слёзы ♪"),
    (3599.2, " Supercalifragilisticexpialidocious ends the first hour."),
    (3604.995, " Then"),
    (36000.1, " ten hours, and   spaces  "),
]


def make_segments(generator, with_words):
    for number, (start, text) in enumerate(SPEECH):
        pieces = text.split(" ")
        words = [f" {piece}" for piece in pieces[1:]] or [text]
        step = generator.choice([0.12, 0.25, 0.3333333333])
        end = round(start + step * len(words), 2)
        segment = {
            "id": number, "seek": number * 3000, "start": start, "end": end, "text": text,
            "tokens": [generator.randrange(51864) for _ in range(number)],
            "temperature": generator.choice([0.0, 0.2, 0.4, 1.0]),
            "avg_logprob": -generator.random(), "compression_ratio": 0.5 + generator.random() * 2,
            "no_speech_prob": generator.random() * 10.0 ** -generator.randrange(20),
        }
        if with_words:
            segment["words"] = [
                {"word": word, "start": round(start + step * at, 4),
                 "end": round(start + step * at + generator.choice([step, 0.1]), 4),
                 "probability": generator.random()}
                for at, word in enumerate(words)]
        yield segment


def results():
    generator = random.Random(11)
    for name, with_words in [("words", True), ("segments", False)]:
        segments = list(make_segments(generator, with_words))
        if not with_words:
            segments[1]["text"] = " --> an arrow\tand a tab --> "
            segments[2]["text"] = "  "
        text = "".join(segment["text"] for segment in segments)
        yield name, {"text": text, "segments": segments, "language": "en"}
    yield "empty", {"text": "", "segments": [], "language": "ja"}


def parse_options(text):
    names = {"w": "max_line_width", "c": "max_line_count", "m": "max_words_per_line"}
    return {names.get(part[0], "highlight_words"): int(part[1:] or 1) for part in text.split(".")}


def write(writer, result, path, **options):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer.write_result(result, file, None, **options)


def main(arguments):
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    spec = importlib.util.spec_from_file_location("whisper_utils", arguments[0])
    utils = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(utils)
    folder = Path(arguments[1])
    folder.mkdir(exist_ok=True)
    writers = [utils.WriteTXT, utils.WriteSRT, utils.WriteVTT, utils.WriteTSV, utils.WriteJSON]
    for name, result in results():
        for writer in writers:
            write(writer(""), result, folder / f"{name}.{writer.extension}")
    words = dict(results())["words"]
    for options in OPTIONS:
        for writer in [utils.WriteSRT, utils.WriteVTT]:
            write(writer(""), words, folder / f"words.{options}.{writer.extension}",
                  **parse_options(options))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
