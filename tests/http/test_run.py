#!/usr/bin/env python3
"""`make run`: words on the terminal, then the server; with FILE the words alone.

    tests/http/test_run.py BUILD
"""
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import harness  # noqa: E402
from harness import check  # noqa: E402


def free_port():
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def make_run(build, **variables):
    """The running `make run`."""
    words = [f"{name}={value}" for name, value in {"BUILD": build, **variables}.items()]
    return subprocess.Popen(["make", "--no-print-directory", "run", *words], cwd=harness.ROOT,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, start_new_session=True)


def read_until(process, pattern):
    """What it prints up to the line that matches."""
    text = ""
    for line in process.stdout:
        text += line
        if re.search(pattern, line):
            return text
    raise AssertionError(f"no {pattern}: {text}")


@check
def words_then_the_server(build):
    """It transcribes a sample, serves, and the printed command works; Ctrl-C ends the server."""
    for number in (signal.SIGINT, signal.SIGTERM):
        port = free_port()
        process = make_run(build, PORT=port)
        try:
            text = read_until(process, rf"^http://localhost:{port}$")
            assert re.search(r"(?i)\b(front|center|quick|fox|speech)\b", text), text
            command = re.search(r"^ *(curl -F file=@/.*)$", text, re.MULTILINE)[1]
            while True:
                try:
                    urllib.request.urlopen(f"http://localhost:{port}/health", timeout=30)
                    break
                except urllib.error.HTTPError:
                    time.sleep(0.1)
            if shutil.which("curl"):
                reply = subprocess.run(shlex.split(command), capture_output=True, check=True,
                                       timeout=120)
                assert json.loads(reply.stdout)["text"], reply.stdout
            if number == signal.SIGINT:
                os.killpg(process.pid, number)  # as a terminal does
            else:
                process.terminate()  # make alone is told
            process.wait(60)
            with socket.socket() as again:
                again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                again.bind(("127.0.0.1", port))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@check
def a_file_alone(build):
    """With FILE there is no server, and the exit code is 0."""
    sample = subprocess.run(["sh", "tools/sample.sh", f"{build}/sample.wav"], cwd=harness.ROOT,
                            capture_output=True, text=True, check=True).stdout.strip()
    process = make_run(build, FILE=sample, PORT=free_port())
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0 and "serve" not in text and "curl" not in text, text


@check
def port_taken(build):
    """It says so."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        process = make_run(build, PORT=port)
        text, _ = process.communicate(timeout=300)
        assert process.returncode != 0 and f"port {port}" in text and "in use" in text, text


if __name__ == "__main__":
    if not os.environ.get("AMANUENSIS_MODELS") or \
            not Path(os.environ["AMANUENSIS_MODELS"], "tiny.en").exists():
        print("skipped: no pulled tiny.en")
        sys.exit(1 if harness.IS_CI else 77)
    sys.exit(harness.run("make run", Path(sys.argv[1]).resolve()))
