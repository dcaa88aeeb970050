"""Clients of a transcription server, many at once: each picks a clip, sends it, reads the answer
and checks it, again and again. bench/load.py uses them. Needs nothing but Python.
"""
import http.client
import json
import random
import threading
import time
import uuid

REPLY_S = 300
# Upper bounds of the classes of length in seconds, and their names.
CLASSES = ((5, "under 5 s"), (15, "5 to 15 s"), (28, "15 to 28 s"), (62, "28 to 60 s"))


class Clip:
    """A recording: its bytes, its length, and the text that is expected, None for any."""

    def __init__(self, path, seconds, text=None):
        self.path, self.seconds, self.text = path, seconds, text
        self.content = path.read_bytes()

    @property
    def kind(self):
        """The name of its class of length."""
        return next(name for bound, name in CLASSES if self.seconds <= bound)


def words(text):
    """Text without white space, as it is compared: the program's lines end where segments do, and
    a segment may begin within a word."""
    return "".join(text.split())


def form(clip, fields):
    """(body, content type) of a form with the fields and the recording."""
    boundary = uuid.uuid4().hex
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
             .encode() for name, value in fields]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="file"; '
                 f'filename="{clip.path.name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
                 .encode() + clip.content + f"\r\n--{boundary}--\r\n".encode())
    return b"".join(parts), f"multipart/form-data; boundary={boundary}"


class Tally:
    """What became of all requests."""

    def __init__(self):
        self.lock = threading.Lock()
        self.statuses = {}
        self.latencies = {name: [] for _, name in CLASSES}
        self.ends = []      # (when, seconds of audio) of each answer
        self.n_wrong = 0
        self.faults = []    # lines for people, a few

    def status(self, status):
        """Counts an answer, or "broken"."""
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1

    def done(self, clip, latency):
        """Counts a transcription."""
        with self.lock:
            self.latencies[clip.kind].append(latency)
            self.ends.append((time.monotonic(), clip.seconds))

    def fault(self, line, wrong=False):
        """Notes what should not be; `wrong`: a text that differs."""
        with self.lock:
            self.n_wrong += wrong
            if len(self.faults) < 10:
                self.faults.append(line)

    def n_done(self):
        """Transcriptions so far."""
        with self.lock:
            return len(self.ends)

    def rate(self, start, end):
        """Seconds of audio per second, of the answers between two times."""
        with self.lock:
            return sum(seconds for when, seconds in self.ends if start <= when < end) / \
                (end - start)


class Clients:
    """`n` threads that ask `host:port` until stop()."""

    def __init__(self, address, path, clips, n, seed=1, fields=()):
        self.address, self.path, self.fields = address, path, list(fields)
        self.by_kind = [group for _, name in CLASSES
                        if (group := [clip for clip in clips if clip.kind == name])]
        self.tally = Tally()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.loop, args=(random.Random(f"{seed} {i}"),))
                        for i in range(n)]
        for thread in self.threads:
            thread.start()

    def stop(self):
        """No new requests; those under way are answered and counted."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def loop(self, chance):
        """One client: classes of length equally often, and each clip of a class."""
        connection = http.client.HTTPConnection(*self.address, timeout=REPLY_S)
        while not self.stopping.is_set():
            clip = chance.choice(chance.choice(self.by_kind))
            body, kind = form(clip, self.fields)
            start = time.monotonic()
            while not self.ask(connection, clip, body, kind, start):
                if self.stopping.is_set():
                    break
        connection.close()

    def ask(self, connection, clip, body, kind, start):
        """One request; False when the client shall send it again."""
        try:
            connection.request("POST", self.path, body, {"Content-Type": kind})
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.tally.status("broken")
            self.tally.fault(f"{clip.path.name}: {error!r}")
            connection.close()
            self.stopping.wait(0.2)
            return True
        self.tally.status(response.status)
        if response.status == 429:
            self.stopping.wait(float(response.headers.get("Retry-After", 1)))
            return False
        if response.status != 200:
            self.tally.fault(f"{clip.path.name}: {response.status} {answer[:200]!r}")
            return True
        self.check(clip, json.loads(answer)["text"])
        self.tally.done(clip, time.monotonic() - start)
        return True

    def check(self, clip, text):
        """The text is the one expected; so it is not empty where there are words."""
        if clip.text is not None and words(text) != clip.text:
            self.tally.fault(f"{clip.path.name}: expected {clip.text!r}, got {words(text)!r}",
                             wrong=True)
