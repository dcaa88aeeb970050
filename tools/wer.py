#!/usr/bin/env python3
"""Word error rate of the program beside the original's, per set of the shared recordings.

    tools/wer.py PROGRAM [--model MODEL] [--golden tiny.en] [--sets english] [-- OPTION ...]
    tools/wer.py PROGRAM --batched [--model MODEL] …

Runs the program as the golden transcripts were made (sequential, greedy, temperature 0 alone, no
text carried between windows, language given), normalises texts with openai/whisper's own
normalizers, counts errors with jiwer, and compares each clip's text with the original's. Exit code
1 when a set is worse than the original by more than --worse (percent, absolute) or a clip could
not be transcribed; with --same also when a text differs.

With --batched the batched mode is compared with our own sequential mode instead, and the long
chapter of the shared data is a set of its own. A set is worse when the rate is higher by more than
--worse and that is more than one word.
"""
import argparse
import csv
import importlib.util
import json
import os
import subprocess
import sys
import types
from pathlib import Path

import tool_venv

ROOT = Path(__file__).resolve().parent.parent
GREEDY = ["--beam_size", "1", "--temperature_increment_on_fallback", "None",
          "--condition_on_previous_text", "False"]
LONG = "long/19-198_chapter.opus"


def shared_folder():
    """The shared data; ends the program when there is none."""
    folder = Path(os.environ.get("AMANUENSIS_SHARED") or ROOT.parent / "shared").resolve()
    if not (folder / "golden").is_dir():
        print(f"skipped: wer: no {folder}/golden")
        sys.exit(1 if os.environ.get("CI") == "true" else 77)
    return folder


def normalizers():
    """(English, any language): whisper.normalizers without the rest of that package."""
    if "whisper" not in sys.modules:
        spec = importlib.util.find_spec("whisper")
        package = types.ModuleType("whisper")
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules["whisper"] = package
    from whisper.normalizers import BasicTextNormalizer, EnglishTextNormalizer
    return EnglishTextNormalizer(), BasicTextNormalizer()


def transcribe(program, model, language, paths, options):
    """Texts of many recordings by one run of the program."""
    command = [program, "transcribe", "--model", model, "--language", language, *GREEDY,
               *options, "--quiet", "True", "-f", "json", "-o", "-", "--", *map(str, paths)]
    run = subprocess.run(command, capture_output=True, text=True, check=False,
                         env={"AMANUENSIS_COMPUTE_TYPE": "f32"} | os.environ)
    if run.returncode != 0:
        print(run.stderr, file=sys.stderr)
        sys.exit(1)
    documents, decoder, rest = [], json.JSONDecoder(), run.stdout.lstrip()
    while rest:
        document, end = decoder.raw_decode(rest)
        documents.append(document)
        rest = rest[end:].lstrip()
    if len(documents) != len(paths):
        print(f"wer: {len(documents)} results for {len(paths)} files", file=sys.stderr)
        sys.exit(1)
    return [document["text"] for document in documents]


def golden_wer(shared, model):
    """set -> words, errors of the original."""
    with open(shared / "golden" / "wer.tsv", encoding="utf-8") as table:
        return {row["set"]: (int(row["words"]), int(row["errors"]))
                for row in csv.DictReader(table, delimiter="\t") if row["model"] == model}


def count_errors(reference, text, normalizer):
    """(words of the reference, errors) of one clip."""
    import jiwer
    wanted, found = normalizer(reference), normalizer(text)
    if not wanted:
        return 0, len(found.split())
    result = jiwer.process_words(wanted, found)
    return (result.hits + result.substitutions + result.deletions,
            result.substitutions + result.deletions + result.insertions)


def difference(ours, original):
    """The words around the first place where two texts part."""
    a, b = ours.split(), original.split()
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    first = max(0, at - 2)
    return f"ours … {' '.join(a[first:at + 4])} … original … {' '.join(b[first:at + 4])} …"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--model", help="default: the shared tiny.en")
    parser.add_argument("--golden", default="tiny.en", help="which golden transcripts")
    parser.add_argument("--sets", default="", help="only sets whose name contains this")
    parser.add_argument("--beside", help="compare with this model, not with the original")
    parser.add_argument("--worse", type=float, help="default: 0.1, with --batched 0.2")
    parser.add_argument("--batched", action="store_true", help="against our sequential mode")
    parser.add_argument("--same", action="store_true", help="fail when any text differs")
    parser.add_argument("--texts", type=Path, help="write every clip's text into this JSON file")
    words = sys.argv[1:]
    end = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:end])
    arguments.options = words[end + 1:]  # argparse finds no -- behind other options
    return arguments


def transcribe_all(arguments, shared, golden, names, mode, other_model=None):
    """name -> text of all clips in one mode, each language in one run."""
    model = other_model or arguments.model or str(shared / "models" / "whisper-tiny.en")
    texts = {}
    for language in sorted({golden[name]["language"] for name in names}):
        batch = [name for name in names if golden[name]["language"] == language]
        paths = [shared / "audio" / name for name in batch]
        texts |= dict(zip(batch, transcribe(arguments.program, model, language, paths,
                                            ["--mode", mode, *arguments.options])))
    return texts


def score(shared, golden, texts):
    """(set -> [words, errors, clips, words found], clips whose text is not the expected one)."""
    english, basic = normalizers()
    sets, changed = {}, []
    for name, text in texts.items():
        reference = (shared / "audio" / name).with_suffix(".txt").read_text(encoding="utf-8")
        is_english = golden[name]["language"] == "en"
        normalizer = english if is_english else basic
        words, errors = count_errors(reference, text, normalizer)
        group = "/".join(name.split("/")[:2])
        for key in [group] + (["english (all)"] if group.startswith("english/") else []):
            row = sets.setdefault(key, [0, 0, 0, 0])
            found = len(normalizer(text).split())
            row[:] = [row[0] + words, row[1] + errors, row[2] + 1, row[3] + found]
        if text.strip() != golden[name]["text"].strip():
            changed.append(name)
    return sets, changed


def percent(errors, words):
    return 100 * errors / words if words else 0.0


def list_changes(texts, expected, changed, other):
    print(f"text identical to {other}: {len(texts) - len(changed)} of {len(texts)} clips")
    for name in changed:
        print(f"  differs: {name}: {difference(texts[name], expected[name]['text'])}")


def compare_with_original(arguments, shared, golden, names):
    """Whether every set is as good as the original's."""
    texts = transcribe_all(arguments, shared, golden, names, "sequential")
    write_texts(arguments, texts)
    sets, changed = score(shared, golden, texts)
    original = golden_wer(shared, arguments.golden)
    if arguments.beside:
        other = transcribe_all(arguments, shared, golden, names, "sequential", arguments.beside)
        original = {name: row[:2] for name, row in score(shared, golden, other)[0].items()}
    failed = not names or (arguments.same and bool(changed))
    allowed = 0.1 if arguments.worse is None else arguments.worse
    print(f"{'set':32} {'clips':>5} {'words':>6} {'errors':>6} {'ours':>7} "
          f"{'beside' if arguments.beside else 'original':>8}")
    for name, (words, errors, clips, _) in sorted(sets.items(), key=lambda item: item[0]):
        ours = percent(errors, words)
        theirs = percent(original[name][1], original[name][0]) if name in original else None
        whole = theirs is not None and original[name][0] == words
        worse = whole and ours > theirs + allowed
        failed |= worse
        print(f"{name:32} {clips:5} {words:6} {errors:6} {ours:6.2f}% "
              f"{f'{theirs:7.2f}%' if whole else '      –'}{'  WORSE' if worse else ''}")
    list_changes(texts, golden, changed, "the original's")
    return not failed


def compare_modes(arguments, shared, golden, names):
    """Whether batched mode is as good as sequential mode on every set."""
    if arguments.sets in LONG and (shared / "audio" / LONG).exists():
        golden[LONG] = {"language": "en", "text": ""}
        names = [*names, LONG]
    before = transcribe_all(arguments, shared, golden, names, "sequential")
    texts = transcribe_all(arguments, shared, golden, names, "batched")
    write_texts(arguments, texts)
    expected = {name: {**golden[name], "text": text} for name, text in before.items()}
    old_sets, _ = score(shared, expected, before)
    sets, changed = score(shared, expected, texts)
    failed = not names
    allowed = 0.2 if arguments.worse is None else arguments.worse
    print(f"{'set':32} {'clips':>5} {'words':>6} {'sequential':>16} {'batched':>16}")
    for name, (words, errors, clips, found) in sorted(sets.items(), key=lambda item: item[0]):
        _, old_errors, _, old_found = old_sets[name]
        rise = percent(errors, words) - percent(old_errors, words)
        worse = rise > allowed and errors - old_errors > 1
        failed |= worse
        print(f"{name:32} {clips:5} {words:6} {old_found:6} {percent(old_errors, words):8.2f}% "
              f"{found:6} {percent(errors, words):8.2f}%{'  WORSE' if worse else ''}")
    list_changes(texts, expected, changed, "sequential mode's")
    return not failed


def write_texts(arguments, texts):
    if arguments.texts:
        arguments.texts.write_text(json.dumps(texts, ensure_ascii=False, indent=1) + "\n",
                                   encoding="utf-8")


def main():
    arguments = parse_arguments()
    shared = shared_folder()
    tool_venv.enter("wer", "--no-deps")
    path = shared / "golden" / arguments.golden / "greedy.json"
    golden = json.loads(path.read_text(encoding="utf-8"))
    names = [name for name in golden if arguments.sets in name]
    compare = compare_modes if arguments.batched else compare_with_original
    return 0 if compare(arguments, shared, golden, names) else 1


if __name__ == "__main__":
    sys.exit(main())
