#!/usr/bin/env python3
"""Runs the program on every case of tests/cli/cases and compares all that it left behind.

    run_cases.py PROGRAM MAKE_MODEL [--update] [--only TEXT]

A case NAME is the shell script NAME.cmd, run in an empty folder with these variables:
    IN      folder of generated inputs (made with ffmpeg, once per run)
    SHARED  folder of real speech and models, where there is one
    MODEL   a tiny model of random weights; FAST  options that keep it from rambling
    PULLED  tiny.en
    AS_USER what to put before a command that file permissions must bind, even where root runs it
`amanuensis` is the program. Beside it lie what it must print and leave:
    NAME.stdout.exact  NAME.stderr.exact   the text, absent = nothing
    NAME.stdout.regex  NAME.stderr.regex   a pattern for the whole text instead
    NAME.exit                              the exit code, absent = 0
    NAME.files                             files left in the folder, absent = none
Folders that differ from machine to machine are replaced by their variable in the text.
A line `# needs: shared speech …` in the script names what the case cannot do without:
    shared   ../shared (or $AMANUENSIS_SHARED): real speech with a model for it
    pulled   tiny.en, in ../shared or pulled into $AMANUENSIS_MODELS
    sample   a spoken recording that a Debian package carries
    user     file permissions that bind: not root, or setpriv to give up root's exemption
What is missing skips the case by name; with CI=true it fails instead.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TIMEOUT_S = 300  # sanitizers on a busy machine

FAST = ("--mode sequential --beam_size 1 --temperature_increment_on_fallback None "
        "--without_timestamps True")
SAMPLE = Path("/usr/share/sounds/alsa/Front_Center.wav")
SINE = ["-f", "lavfi", "-i", "sine=frequency=440:duration=2"]
# name: arguments of ffmpeg before the output's name.
INPUTS = {
    "tone.wav": [*SINE, "-ar", "16000"],
    "tone.mp3": [*SINE, "-b:a", "64k"],
    "stereo_8k_24bit.wav": [*SINE, "-ar", "8000", "-ac", "2", "-c:a", "pcm_s24le"],
    "tone.s16": [*SINE, "-ar", "8000", "-f", "s16le"],
    "no_sound.mp4": ["-f", "lavfi", "-i", "testsrc=duration=1:size=64x64:rate=5", "-c:v", "mpeg4"],
    "no_samples.wav": ["-f", "lavfi", "-i", "anullsrc", "-t", "0", "-c:a", "pcm_s16le"],
}


def make_inputs(folder, make_model):
    """Every generated input, and the model of random weights."""
    for name, arguments in INPUTS.items():
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *arguments, folder / name],
                       check=True)
    whole = (folder / "tone.mp3").read_bytes()
    (folder / "truncated.mp3").write_bytes(whole[:len(whole) * 2 // 3 + 1])
    (folder / "text.wav").write_text("This is no audio at all.\n" * 40, encoding="utf-8")
    (folder / "empty.wav").write_bytes(b"")
    subprocess.run([make_model, folder / "model"], check=True)
    damaged = folder / "wrong_dims"
    shutil.copytree(folder / "model", damaged)
    # n_mels, d_model and the rest follow from tensor shapes: cut one row off a tensor's count.
    content = bytearray((damaged / "model.bin").read_bytes())
    where = content.index(b"decoder/embeddings/weight\0") + len(b"decoder/embeddings/weight\0") + 1
    content[where] ^= 1
    (damaged / "model.bin").write_bytes(content)


def as_user():
    """What binds a command to file permissions: nothing for a user; None when root cannot."""
    if os.geteuid() != 0:
        return ""
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    able = shutil.which(command[0]) and \
        subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    return " ".join(command) if able else None


def shared_folder():
    """The shared data, or None."""
    folder = Path(os.environ.get("AMANUENSIS_SHARED") or ROOT.parent / "shared")
    return folder.resolve() if folder.is_dir() else None


def pulled_model(shared):
    """tiny.en: the shared copy, else the one that `make test` pulled; None without both."""
    candidates = [shared / "models" / "whisper-tiny.en"] if shared else []
    cache = os.environ.get("AMANUENSIS_MODELS")
    candidates += [Path(cache, "tiny.en")] if cache else []
    return next((path for path in candidates if (path / "model.bin").exists()), None)


class Runner:
    """The program, its inputs and the folders that stand for variables."""

    def __init__(self, program, scratch, make_model):
        self.inputs = scratch / "in"
        self.inputs.mkdir()
        make_inputs(self.inputs, make_model)
        tools = scratch / "bin"
        tools.mkdir()
        (tools / "amanuensis").symlink_to(Path(program).resolve())
        self.scratch = scratch
        shared = shared_folder()
        self.folders = {"IN": self.inputs, "MODEL": self.inputs / "model", "SHARED": shared,
                        "PULLED": pulled_model(shared)}
        self.environment = {
            name: value for name, value in os.environ.items()
            if not name.startswith("AMANUENSIS_") and name != "HF_TOKEN"}
        self.environment |= {name: str(path) for name, path in self.folders.items() if path}
        self.environment["FAST"] = FAST
        self.environment["PATH"] = f"{tools}:{os.environ['PATH']}"
        self.environment["XDG_CACHE_HOME"] = str(scratch / "cache")
        self.environment["SAMPLE"] = str(SAMPLE)
        self.have = {"shared": shared is not None, "pulled": self.folders["PULLED"] is not None,
                     "sample": SAMPLE.exists(), "user": as_user() is not None}
        self.environment["AS_USER"] = as_user() or ""

    def missing(self, script):
        """What the script needs and this machine lacks."""
        needs = re.search(r"^# needs:(.*)$", script, re.MULTILINE)
        return [need for need in (needs.group(1).split() if needs else []) if not self.have[need]]

    def run(self, script):
        """(stdout, stderr, exit code, files left) of a script, machine's folders replaced."""
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            done = subprocess.run(["sh", "-c", script], cwd=folder, env=self.environment,
                                  stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=TIMEOUT_S, check=False)
            files = sorted(path.relative_to(folder).as_posix()
                           for path in Path(folder).rglob("*") if path.is_file())
            return {"stdout": self.neutral(done.stdout, folder),
                    "stderr": self.neutral(done.stderr, folder),
                    "exit": f"{done.returncode}\n",
                    "files": "".join(name + "\n" for name in files)}

    def neutral(self, output, folder):
        """Text without the names of this machine's folders; longest names first."""
        text = output.decode("utf-8", errors="backslashreplace")
        known = {"HERE": folder, "CACHE": self.scratch / "cache",
                 **{k: v for k, v in self.folders.items() if v}}
        for name, path in sorted(known.items(), key=lambda item: -len(str(item[1]))):
            text = text.replace(str(path), f"${name}")
        return text


def expected(case, part):
    """(text, is a pattern) that a part of the outcome must be."""
    for suffix, is_pattern in ((".exact", False), (".regex", True), ("", False)):
        path = case.with_name(f"{case.stem}.{part}{suffix}")
        if path.exists():
            return path.read_text(encoding="utf-8"), is_pattern
    return "0\n" if part == "exit" else "", False


def compare(case, outcome):
    """What differs, as lines; empty = passed."""
    problems = []
    for part, found in outcome.items():
        wanted, is_pattern = expected(case, part)
        matches = re.fullmatch(wanted.rstrip("\n"), found.rstrip("\n"), re.DOTALL) is not None \
            if is_pattern else wanted == found
        if not matches:
            problems.append(f"{part}: expected {wanted!r}\n{' ' * len(part)}     found {found!r}")
    if outcome["exit"] not in ("0\n", "130\n") and outcome["stderr"].count("\n") != 1 \
            and "# several lines" not in case.read_text(encoding="utf-8"):
        problems.append(f"stderr: {outcome['stderr']!r} is not one line")
    return problems


def update(case, outcome):
    """Writes the outcome down; patterns stay as they are."""
    default = {"stdout": "", "stderr": "", "exit": "0\n", "files": ""}
    for part, found in outcome.items():
        if case.with_name(f"{case.stem}.{part}.regex").exists():
            continue
        suffix = ".exact" if part in ("stdout", "stderr") else ""
        path = case.with_name(f"{case.stem}.{part}{suffix}")
        if found == default[part]:
            path.unlink(missing_ok=True)
        else:
            path.write_text(found, encoding="utf-8")


def judge(runner, case, is_update):
    """(passed, failed or skipped; the lines that say why) of one case."""
    script = case.read_text(encoding="utf-8")
    lacking = runner.missing(script)
    if lacking:
        # Being root is no fault of the data, so it never fails.
        fails = os.environ.get("CI") == "true" and lacking != ["user"]
        return "failed" if fails else "skipped", [f"needs {', '.join(lacking)}"]
    try:
        outcome = runner.run(script)
    except subprocess.TimeoutExpired:
        return "failed", [f"not done after {TIMEOUT_S} s"]
    if is_update:
        update(case, outcome)
    problems = compare(case, outcome)
    return "failed" if problems else "passed", problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("make_model")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()

    cases = sorted(path for path in (HERE / "cases").glob("*.cmd") if arguments.only in path.name)
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        runner = Runner(arguments.program, Path(scratch).resolve(), arguments.make_model)
        for case, (verdict, lines) in zip(cases, pool.map(
                lambda case: judge(runner, case, arguments.update), cases)):
            counts[verdict] += 1
            label = "skipped" if verdict == "skipped" else "FAILED"
            for line in lines:
                print(f"{label}: {case.stem}: {line}")
    print("cli: {passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
