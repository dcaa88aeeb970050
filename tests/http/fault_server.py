"""A server of our own for a test: started on a free port, stopped at the end, its log at hand."""
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path


def shared():
    """The folder of shared data, or None."""
    folder = Path(os.environ.get("AMANUENSIS_SHARED", Path(__file__).parents[3] / "shared"))
    return folder if folder.is_dir() else None


def model():
    """A model to serve: the shared tiny.en, else the one pulled for the tests, else None."""
    folder = shared()
    if folder and (folder / "models/whisper-tiny.en").is_dir():
        return str(folder / "models/whisper-tiny.en")
    pulled = os.environ.get("AMANUENSIS_MODELS")
    return "tiny.en" if pulled and (Path(pulled) / "tiny.en").exists() else None


class Server:
    """`with Server(program, option="value") as server:` — ready when the block is entered."""

    def __init__(self, program, ready=True, environment=None, data=None, **options):
        self.scratch = tempfile.TemporaryDirectory(prefix="amanuensis-http-")
        self.data = Path(data or self.scratch.name)
        options = {"port": 0, "data_dir": self.data, "model": model(), **options}
        words = [word for name, value in options.items() if value is not None
                 for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen(
            [program, "serve", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env={**os.environ, **(environment or {})})
        self.log = []
        threading.Thread(target=self._read_log, daemon=True).start()
        address = self.process.stdout.readline().strip()
        found = re.fullmatch(r"(https?)://([^/]+):(\d+)", address)
        if not found:
            self.process.wait(10)
            time.sleep(0.2)
            raise RuntimeError(f"the server did not start: {address} {''.join(self.log)}")
        self.url, self.port = address, int(found[3])
        if ready:
            self.wait_ready()

    def _read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def wait_ready(self, seconds=60):
        """Until /health says ok."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if self.get("/health").status == 200:
                    return
            except urllib.error.HTTPError:
                pass
            time.sleep(0.05)
        raise RuntimeError("the server does not become ready:\n" + "".join(self.log))

    def get(self, path, **headers):
        """urllib's answer of a GET."""
        request = urllib.request.Request(self.url + path, headers=headers)
        return urllib.request.urlopen(request, timeout=60)

    # What must not grow.
    def files(self):
        """Open file descriptors."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self):
        """Threads."""
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def spooled(self):
        """Files in the spool folder."""
        return len(os.listdir(self.data / "spool"))

    def stop(self, number=signal.SIGTERM, seconds=60):
        """The exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.stop()
        finally:
            self.process.stdout.close()
            self.scratch.cleanup()
