"""How near two texts of one clip were: the logits where their tokens first part.

`explain(...)` asks build/tests/golden/logit_gap, which runs both token sequences through the model.
"""
import subprocess
from pathlib import Path


def windows(segments):
    """seek -> sampled tokens, of a transcript's segments."""
    found = {}
    for segment in segments:
        found.setdefault(segment["seek"], []).extend(segment["tokens"])
    return found


def explain(program, model, language, audio, ours, original):
    """Lines about the first window whose tokens differ between two lists of segments."""
    tool = Path(program).resolve().parent / "tests" / "golden" / "logit_gap"
    ours, original = windows(ours), windows(original)
    for seek, tokens in ours.items():
        if seek not in original:
            return [f"the windows begin elsewhere at {seek / 100:.2f} s"]
        if tokens != original[seek]:
            lists = [",".join(map(str, sequence)) for sequence in (tokens, original[seek])]
            run = subprocess.run([tool, model, language, audio, str(seek), *lists],
                                 capture_output=True, text=True, check=False)
            return (run.stdout if run.returncode == 0 else run.stderr).splitlines()
    return ["the tokens are the same"]
