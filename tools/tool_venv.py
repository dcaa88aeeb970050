"""Python environments for the tools that need packages: made once under build/, then reused.

`enter("wer")` runs the calling script again inside an environment that holds the packages of
tools/requirements-wer.txt, and returns when it already runs there.
"""
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

TOOLS = Path(__file__).resolve().parent


def enter(name, *pip_options):
    """Continues in the environment NAME; installs it first when absent or out of date."""
    requirements = TOOLS / f"requirements-{name}.txt"
    build = Path(os.environ.get("BUILD") or TOOLS.parent / "build")
    folder = build.resolve() / f"venv-{name}"
    if Path(sys.prefix).resolve() == folder:
        return
    python = folder / "bin" / "python"
    stamp = folder / "requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        print(f"{name}: installing {requirements.name} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                        *pip_options, "-r", requirements], check=True)
        stamp.write_text(wanted, encoding="ascii")
    os.execv(python, [str(python), *sys.argv])
