"""Python environments for the tools that need packages: made once under build/, then reused.

`ensure("wer")` returns the Python of an environment that holds the packages of
tools/requirements-wer.txt; `enter("wer")` runs the calling script again by it.
"""
import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

TOOLS = Path(__file__).resolve().parent


def folder_of(name):
    """Where the environment NAME lives."""
    build = Path(os.environ.get("BUILD") or TOOLS.parent / "build")
    return (build / f"venv-{name}").resolve()


def ensure(name, *pip_options):
    """The environment's Python; it is installed first when absent or out of date."""
    requirements = TOOLS / f"requirements-{name}.txt"
    folder = folder_of(name)
    python = folder / "bin" / "python"
    stamp = folder / "requirements.sha256"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="ascii") != wanted:
        print(f"{name}: installing {requirements.name} into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
                        *pip_options, "-r", requirements], check=True)
        stamp.write_text(wanted, encoding="ascii")
    return python


def enter(name, *pip_options):
    """Continues the calling script in the environment NAME."""
    if Path(sys.prefix).resolve() == folder_of(name):
        return
    python = ensure(name, *pip_options)
    os.execv(python, [str(python), *sys.argv])
