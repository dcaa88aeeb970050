"""The server as its tests see it: started on a free port with an empty data folder, asked over a
socket, told to stop, and searched for reports of sanitizers. Needs nothing but Python.

A test program is a list of functions marked with @check; run(…) calls them and counts.
"""
import array
import http.client
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid
import wave
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
VOICES = Path("/usr/share/sounds/alsa")  # of alsa-utils: a voice that names loudspeakers
START_S, STOP_S, REPLY_S = 120, 120, 300  # sanitizers on a busy machine
REPORTS = re.compile(r"Sanitizer|runtime error:")
IS_CI = os.environ.get("CI") == "true"


def shared_folder():
    """The shared data, or None."""
    folder = Path(os.environ.get("AMANUENSIS_SHARED") or ROOT.parent / "shared")
    return folder.resolve() if folder.is_dir() else None


def english_model():
    """tiny.en: the shared copy, else the one that `make test` pulled; None without both."""
    candidates = [shared_folder() / "models" / "whisper-tiny.en"] if shared_folder() else []
    cache = os.environ.get("AMANUENSIS_MODELS")
    candidates += [Path(cache, "tiny.en")] if cache else []
    return next((path for path in candidates if (path / "model.bin").exists()), None)


def spoken(seconds):
    """So much of the voice that alsa-utils carries, as a WAV file's bytes; None without it. At
    16 kHz, so that whoever reads it has the same samples: means of three at 48 kHz."""
    paths = sorted(path for path in VOICES.glob("*_*.wav"))
    if not paths:
        return None
    samples, rate = array.array("h"), 16000
    for path in paths:
        with wave.open(str(path)) as source:
            samples.frombytes(source.readframes(source.getnframes()))
    samples = array.array("h", (sum(samples[i:i + 3]) // 3 for i in range(0, len(samples) - 2, 3)))
    n = int(seconds * rate)
    frames = (samples * (n // len(samples) + 1))[:n].tobytes()
    out = io.BytesIO()
    with wave.open(out, "wb") as target:
        target.setparams((1, 2, rate, 0, "NONE", ""))
        target.writeframes(frames)
    return out.getvalue()


def recording():
    """Some seconds of speech: (name, bytes), or None."""
    shared = shared_folder()
    name = "audio/english/librispeech_misc/1089-134686-0001.flac"
    if shared and (shared / name).exists():
        return (Path(name).name, (shared / name).read_bytes())
    voice = spoken(11)
    return ("speech.wav", voice) if voice else None


def long_recording(program_sample, minutes):
    """Speech again and again, as a WAV file of that length; ffmpeg is there for other tests too."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "one"), Path(folder, "long.wav")
        source.write_bytes(program_sample[1])
        subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-stream_loop", "-1", "-i", source,
                        "-t", str(60 * minutes), "-ar", "16000", "-ac", "1", target], check=True)
        return ("long.wav", target.read_bytes())


class Reply:
    """Status, headers (of any case) and body."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.body)

    def error(self):
        """The error object, whose shape is checked."""
        error = self.json()["error"]
        assert set(error) == {"message", "type", "param", "code"}, error
        assert isinstance(error["message"], str) and error["message"], error
        return error


def multipart(fields, files):
    """(body, content type) of a form; fields and files are lists, so that names may repeat."""
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
             .encode() for name, value in fields]
    for name, (filename, content) in files:
        parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; '
                     f'filename="{filename}"\r\nContent-Type: application/octet-stream\r\n\r\n'
                     .encode() + content + b"\r\n")
    parts.append(f"--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


class Server:
    """`with Server(program, "--model", …) as server:`; leaving it stops it and looks for damage."""

    def __init__(self, program, *options, expect_exit=0):
        self.options = [str(option) for option in options]
        self.program = str(program)
        self.expect_exit = expect_exit
        self.errors = []
        self.told = False

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("AMANUENSIS_") or name == "AMANUENSIS_MODELS"}
        self.process = subprocess.Popen(
            [self.program, "serve", "--port", "0", "--data_dir", f"{self.folder.name}/data",
             *self.options], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL)
        self.reader = threading.Thread(target=self.read_errors, daemon=True)
        self.reader.start()
        self.url = self.process.stdout.readline().decode().strip()
        if not self.url.startswith("http"):
            self.process.kill()
            self.reader.join()
            raise RuntimeError(f"no server: {b''.join(self.errors).decode()}")
        address = urlsplit(self.url)
        self.host, self.port = address.hostname, address.port
        self.wait_until_ready()
        return self

    def read_errors(self):
        for line in self.process.stderr:
            self.errors.append(line)

    def wait_until_ready(self):
        end = time.monotonic() + START_S
        while self.request("GET", "/health").status != 200:
            if time.monotonic() > end or self.process.poll() is not None:
                raise RuntimeError(f"not ready: {b''.join(self.errors).decode()}")
            time.sleep(0.05)

    def tell_to_stop(self):
        """Once: a second signal ends the server at once."""
        if not self.told:
            self.process.terminate()
        self.told = True

    def __exit__(self, kind, *_):
        self.tell_to_stop()
        try:
            code = self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = "none, it had to be killed"
        self.reader.join()
        self.process.stdout.close()
        self.folder.cleanup()
        log = b"".join(self.errors).decode(errors="replace")
        if kind is None and (code != self.expect_exit or REPORTS.search(log)):
            raise AssertionError(f"exit code {code}; {log[-4000:]}")

    def connection(self):
        return http.client.HTTPConnection(self.host, self.port, timeout=REPLY_S)

    def request(self, method, path, body=None, headers=None):
        connection = self.connection()
        try:
            connection.request(method, path, body, headers or {})
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def form(self, path, fields=(), files=(), headers=None):
        body, kind = multipart(fields, files)
        return self.request("POST", path, body, {"Content-Type": kind, **(headers or {})})

    def active(self):
        """Recordings being transcribed at this moment."""
        return self.request("GET", "/status").json()["queue"]["active"]


CHECKS = []


def check(function):
    """Marks a test: a function of one argument, what run() was given."""
    CHECKS.append(function)
    return function


class Skipped(Exception):
    """Why a test cannot be run here."""


def run(title, context):
    """Runs all checks; the exit code."""
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for function in CHECKS:
        name = function.__name__
        try:
            function(context)
            counts["passed"] += 1
        except Skipped as why:
            counts["skipped"] += 1
            print(f"skipped: {name}: {why}")
        except Exception:  # whatever it is, it is this test's failure
            counts["failed"] += 1
            print(f"FAILED: {name}")
            traceback.print_exc()
    print(title + ": {passed} passed, {failed} failed, {skipped} skipped".format(**counts))
    return 1 if counts["failed"] or not counts["passed"] else 0


def need_speech():
    """Ends the program, skipped, where there is no model or recording; under CI it fails."""
    if english_model() is None or recording() is None:
        print("skipped: no tiny.en, or no recording")
        sys.exit(1 if IS_CI else 77)


def need_packages(name):
    """Continues in an environment with the packages; skipped where they cannot be had."""
    sys.path.insert(0, str(ROOT / "tools"))
    import tool_venv
    try:
        tool_venv.enter(name)
    except subprocess.CalledProcessError as error:
        print(f"skipped: the packages of requirements-{name}.txt: {error}")
        sys.exit(1 if IS_CI else 77)
