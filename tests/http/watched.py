"""The server with options by name, and with what must not grow: descriptors, threads, spool."""
import os
import signal

from harness import Server, english_model


class Watched(Server):
    """`with Watched(program, option=value) as server:` serves tiny.en."""

    def __init__(self, program, *words, **options):
        options.setdefault("model", english_model())
        super().__init__(program, *words,
                         *[word for name, value in options.items()
                           for word in (f"--{name}", str(value))])

    @property
    def data(self):
        return f"{self.folder.name}/data"

    @property
    def log(self):
        return b"".join(self.errors).decode(errors="replace")

    def get(self, path, **headers):
        return self.request("GET", path, None,
                            {name.replace("_", "-"): value for name, value in headers.items()})

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def spooled(self):
        return len(os.listdir(f"{self.data}/spool"))

    def stop(self, number=signal.SIGTERM, seconds=120):
        """The exit code; entering the end of the block afterwards is fine."""
        self.process.send_signal(number)
        return self.process.wait(seconds)
