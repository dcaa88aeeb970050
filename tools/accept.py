#!/usr/bin/env python3
"""Runs the list of what the program must show, one line per claim: figure, bound, pass or fail.

    tools/accept.py [SECTION ...] [--list] [--report] [--nice 0]

Without a section it runs all of them, in this order. It only calls the tools and tests that hold
the bounds, and reads what they print: their whole output is kept in build/accept/. Each section
can be run alone, on another day or after a repair; `--report` prints what is known of the present
commit and what has not been run on it. Needs a build (`make`), ../shared (or $AMANUENSIS_SHARED)
and for the claims about base the model itself (`amanuensis pull base`). Exit code 1 when a claim
failed, 77 when the shared data is missing.
"""
import argparse
import os
import re
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
KEPT = BUILD / "accept"
SHARED = Path(os.environ.get("AMANUENSIS_SHARED") or ROOT.parent / "shared").resolve()
PROGRAM = BUILD / "amanuensis"
TINY = SHARED / "models" / "whisper-tiny.en"
Q5_0 = SHARED / "models" / "ggml-tiny.en-q5_0.bin"
SPEECH = SHARED / "audio" / "english" / "misc" / "jfk.flac"
CHAPTER = SHARED / "audio" / "long" / "19-198_chapter.opus"
NUMBER = r"([-+.\de]+)"


@dataclass
class Claim:
    """What is claimed, the command whose exit code decides, where its output has the figure."""
    section: str
    what: str
    bound: str
    command: list
    figure: str  # a pattern: its groups are the figure; every match is shown
    judge: object = None  # of the first match; None: the exit code alone decides


def python(script, *arguments):
    return [sys.executable, ROOT / script, *arguments]


def below(bound):
    return lambda match: float(match.group(1)) <= bound


def model_path(name):
    """A pulled model's folder, or its name for the program to complain about."""
    cache = os.environ.get("AMANUENSIS_MODELS") or Path.home() / ".cache" / "amanuensis"
    folder = Path(cache, name)
    return folder if folder.exists() else name


def model_claims(name, model):
    """What both models must show beside the original's outputs."""
    wer = python("tools/wer.py", PROGRAM, "--model", model, "--golden", name, "--same")

    def parity(check):
        return python("tools/parity.py", PROGRAM, "--model", model, "--golden", name, "--checks",
                      check)
    yield Claim(f"text-{name}", f"{name}: greedy text, clips as the original's", "all", wer,
                r"identical to the original's: (\d+ of \d+)")
    yield Claim(f"text-{name}", f"{name}: word error rate (ours, original) of each set", "+ 0.1",
                wer, r"(?m)^(\S.{30}) +\d+ +\d+ +\d+ +([\d.]+%) +([\d.]+%)",
                lambda match: "WORSE" not in match.string)
    yield Claim(f"beam-{name}", f"{name}: beam 5 text, clips as the original's",
                "all but ties", parity("beam"), r"(\d+ of \d+) clips|^ +(\S.*)$")
    yield Claim(f"words-{name}", f"{name}: word times", "20, 60 ms", parity("words"),
                r"(median.*ms), largest")


def claims():
    """The whole list, in order."""
    model_golden = [BUILD / "tests/golden/test_model_golden"]
    yield Claim("golden", "log-mel, max |delta|", "2e-4", [BUILD / "tests/golden/test_mel_golden"],
                rf"16-bit samples.*max \|delta\| {NUMBER}", below(2e-4))
    yield Claim("golden", "encoder states, relative RMS", "1e-3", model_golden,
                rf"relative RMS: {NUMBER}", below(1e-3))
    yield Claim("golden", "teacher-forced logits, max |delta|", "0.02", model_golden,
                rf"logits, max \|delta\|: {NUMBER}", below(0.02))
    yield Claim("golden", "steps with another argmax", "0", model_golden,
                r"teacher-forced: (\d+) of \d+ steps", below(0))
    yield Claim("golden", "greedy tokens", "identical", model_golden, r"greedy tokens: .*, (\w+)",
                lambda match: match.group(1) == "identical")
    yield from model_claims("tiny.en", TINY)
    yield from model_claims("base", model_path("base"))
    yield Claim("language", "base: languages as the original detects", "all",
                python("tools/parity.py", PROGRAM, "--model", model_path("base"), "--golden",
                       "base", "--checks", "language"), r"languages: (\d+ of \d+)")
    yield Claim("chapter", "8-minute chapter, words the same",
                "98 %; with previous text, before the first window drawn at random",
                python("tools/parity.py", PROGRAM, "--model", TINY, "--checks", "long"),
                r"(condition=\w+: [\d.]+ %|before the first window .*%)")
    yield Claim("q5_0", "ggml q5_0 and f16, word error rate", "+ 0.7",
                python("tools/wer.py", PROGRAM, "--model", Q5_0, "--sets", "english", "--beside",
                       TINY, "--worse", "0.7", "--", "--temperature_increment_on_fallback", "0.2"),
                r"english \(all\) +\d+ +\d+ +\d+ +([\d.]+%) +([\d.]+%)",
                lambda match: float(match.group(1)[:-1]) <= float(match.group(2)[:-1]) + 0.7)
    yield Claim("formats", "ggml f16 and safetensors of the same weights", "bit-equal",
                [BUILD / "tests/unit/test_model_formats"], r"OK +\] (real_weights_agree)")
    yield Claim("recordings", "every recording, every format", "0 failed",
                python("tests/cli/every_recording.py", PROGRAM, "--seconds", "0"),
                r"every recording: (.*)")
    yield Claim("asan", "the same under AddressSanitizer, leaks too", "0 failed",
                ["make", "-C", ROOT, "--no-print-directory", "sanitize_recordings"],
                r"every recording: (.*)")
    yield Claim("sanitize", "tests under ASan and UBSan", "0 failed",
                ["make", "-C", ROOT, "--no-print-directory", "sanitize"], r"(\d+ passed.*)")
    yield Claim("tsan", "tests under ThreadSanitizer", "0 failed",
                ["make", "-C", ROOT, "--no-print-directory", "tsan"], r"(\d+ passed.*)")
    yield Claim("bad-input", "bad input: one line, exit code, nothing half-written", "0 failed",
                python("tests/cli/run_cases.py", PROGRAM, BUILD / "tests/cli/make_model"),
                r"cli: (.*)")
    yield Claim("bad-input", "models cut at every byte", "0 failed",
                [BUILD / "tests/fault/test_model_damage", "--every-byte"], r"PASSED +\] (.*)")
    yield Claim("memory", "60 minutes beside one: peak RSS", "+ 30 MB",
                python("tests/cli/long_file.py", PROGRAM, BUILD / "tests/cli/make_model",
                       "--model", TINY, "--speech", SPEECH), r"(peak RSS [\d.]+ MB|difference .*)")
    yield Claim("speed", "beside the peers", "a table",
                python("bench/peers.py", PROGRAM, "--model", TINY, "--rounds", "1", "--files",
                       CHAPTER), r"(?m)^(\S.*)$")
    yield Claim("reading", "docs/architecture.md's layers are the code's", "0 problems",
                python("tools/deps.py"), r"deps: (.*)")


def run(command, nice):
    """(exit code, output, seconds) of a command; output is kept."""
    name = "-".join(re.sub(r"\W+", "_", Path(str(word)).name).strip("_") for word in command[:9])
    started = time.monotonic()
    done = subprocess.run(["nice", "-n", str(nice), *map(str, command)], cwd=ROOT, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, errors="replace", check=False)
    seconds = time.monotonic() - started
    KEPT.mkdir(parents=True, exist_ok=True)
    head = f"$ {shlex.join(map(str, command))}\n"
    (KEPT / f"{name[:120]}.txt").write_text(
        f"{head}{done.stdout}exit {done.returncode}, {seconds:.0f} s\n", encoding="utf-8")
    return done.returncode, done.stdout, seconds


def judge(claim, code, output):
    """(pass, fail or skipped; figures) of a claim."""
    matches = list(re.finditer(claim.figure, output, re.MULTILINE))
    figures = "; ".join(" ".join(group.strip() for group in match.groups() if group)
                        for match in matches)
    if code == 77:
        return "SKIPPED", (output.strip().splitlines() or ["?"])[-1]
    if not matches:
        return "FAIL", f"no figure; exit {code}: {(output.strip().splitlines() or [''])[-1]}"
    good = claim.judge(matches[0]) if claim.judge else code == 0
    return ("pass" if good else "FAIL"), figures


def commit():
    """The present commit, with a mark when the tree differs from it."""
    run_git = ["git", "-C", str(ROOT)]
    name = subprocess.run([*run_git, "rev-parse", "--short", "HEAD"], capture_output=True,
                          text=True, check=True).stdout.strip()
    changed = subprocess.run([*run_git, "status", "--porcelain", "-uno"], capture_output=True,
                             text=True, check=True).stdout.strip()
    return name + ("+" if changed else "")


def report(chosen, name):
    """Prints what was found on this commit; True when every claim was run and passed."""
    known, log = {}, KEPT / "results.tsv"
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else []:
        at, what, rest = line.split("\t", 2)
        if at == name:
            known[what] = rest
    for claim in chosen:
        print(known.get(claim.what, f"not run: {claim.section}: {claim.what}").replace("\t", "  "))
    return all(known.get(claim.what, "").startswith("pass") for claim in chosen)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*")
    parser.add_argument("--list", action="store_true", help="name the sections")
    parser.add_argument("--report", action="store_true", help="print what is known; run nothing")
    parser.add_argument("--nice", type=int, default=0, help="run at this niceness")
    arguments = parser.parse_args()
    every = list(claims())
    names = list(dict.fromkeys(claim.section for claim in every))
    unknown = set(arguments.sections) - set(names)
    if arguments.list or unknown:
        print("\n".join(names) if not unknown else f"no section {', '.join(sorted(unknown))}")
        return 2 if unknown else 0
    chosen = [claim for claim in every
              if not arguments.sections or claim.section in arguments.sections]
    at = commit()
    if arguments.report:
        print(f"commit {at}")
        return 0 if report(chosen, at) else 1
    if not (SHARED / "golden").is_dir():
        print(f"skipped: accept: no {SHARED}/golden: the shared data is needed")
        return 77
    print(f"commit {at}, sections: {' '.join(dict.fromkeys(c.section for c in chosen))}")
    outcomes, failed = {}, 0
    for claim in chosen:
        key = tuple(map(str, claim.command))
        is_new = key not in outcomes
        if is_new:
            outcomes[key] = run(claim.command, arguments.nice)
        code, output, seconds = outcomes[key]
        verdict, figures = judge(claim, code, output)
        failed += verdict != "pass"
        line = f"{verdict}\t{claim.section}: {claim.what}: {figures} (bound {claim.bound})" + \
            (f"\t{seconds:.0f} s" if is_new else "")
        print(line.replace("\t", "  "), flush=True)
        with open(KEPT / "results.tsv", "a", encoding="utf-8") as log:
            log.write(f"{at}\t{claim.what}\t{line}\n")
    print(f"accept: {len(chosen) - failed} of {len(chosen)} claims hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
