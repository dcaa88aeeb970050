"""What the tests of jobs share: the server, recordings, requests, streams, a webhook's receiver."""
import http.client
import http.server
import io
import json
import os
import signal
import threading
import time
import urllib.parse
import wave

from harness import Server, english_model, multipart, shared_folder, spoken

OVER = ("done", "failed", "cancelled")


# ---- Recordings ----------------------------------------------------------------------------

def speech():
    """15 s of speech as a WAV file, or None."""
    name = "audio/english/film_notld/15s_donnie_asked_me_if_i_were_afraid.wav"
    path = shared_folder() / name if shared_folder() else None
    return path.read_bytes() if path and path.is_file() else spoken(15)


def repeated(times, cut_s=None):
    """The speech so many times over, or its beginning."""
    with wave.open(io.BytesIO(speech())) as source:
        parameters, frames = source.getparams(), source.readframes(source.getnframes())
    if cut_s:
        frames = frames[:int(cut_s * parameters.framerate) * parameters.sampwidth]
    out = io.BytesIO()
    with wave.open(out, "wb") as target:
        target.setparams(parameters)
        target.writeframes(frames * times)
    return out.getvalue()


# ---- Requests ------------------------------------------------------------------------------

class JobServer(Server):
    """`with JobServer(program, option=value) as server:` serves tiny.en, on a folder that outlives
    it with `data`."""

    def __init__(self, program, data=None, ready=True, **options):
        options.setdefault("model", english_model())
        if data:
            options["data_dir"] = data
        self.given, self.ready = data, ready
        super().__init__(program, *[word for name, value in options.items()
                                    for word in (f"--{name}", str(value))])

    @property
    def data(self):
        """Its data folder."""
        return self.given or f"{self.folder.name}/data"

    @property
    def log(self):
        """What it has said so far."""
        return b"".join(self.errors).decode(errors="replace")

    def threads(self):
        """How many it has."""
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def wait_until_ready(self):
        """Unless the test has no time for it."""
        if self.ready:
            super().wait_until_ready()

    def stop(self, number=signal.SIGTERM, seconds=120):
        """The exit code."""
        self.told = True
        self.expect_exit = -number if number == signal.SIGKILL else 0
        self.process.send_signal(number)
        return self.process.wait(seconds)


def code(reply):
    """(status, code of the error, its field)."""
    error = reply.error()
    return reply.status, error["code"], error["param"]


def ask(server, method, path, body=None, headers=None):
    """One request."""
    return server.request(method, path, body, headers)


def form(fields, files):
    """(body, headers) of a form; files are (name, bytes)."""
    body, kind = multipart(list(fields.items()), [("file", one) for one in files])
    return body, {"Content-Type": kind}


def post(server, files=None, path="/jobs", **fields):
    """The answer to a form."""
    body, headers = form(fields, files or [("talk.wav", speech())])
    return ask(server, "POST", path, body, headers)


def add(server, files=None, **fields):
    """The id of an accepted job."""
    answer = post(server, files, **fields)
    expect(answer.status, 202, answer.body)
    return answer.json()["id"]


def job(server, name):
    """How a job is."""
    answer = ask(server, "GET", f"/jobs/{name}")
    expect(answer.status, 200, answer.body)
    return answer.json()


def until(server, name, *states, seconds=120):
    """The job, once it is in one of the states."""
    end = time.monotonic() + seconds
    while True:
        found = job(server, name)
        if found["status"] in (states or OVER):
            return found
        if time.monotonic() > end:
            raise AssertionError(f"still {found}")
        time.sleep(0.02)


def result(server, name, form_of="json", **more):
    """A done job's result."""
    answer = ask(server, "GET", f"/jobs/{name}/result?" +
                 urllib.parse.urlencode({"format": form_of, **more}))
    expect(answer.status, 200, answer.body)
    return answer.json() if form_of == "json" else answer.body.decode()


def expect(found, wanted, what=""):
    """Raises unless they are equal."""
    if found != wanted:
        raise AssertionError(f"{what}: expected {wanted!r}, found {found!r}")


def events(server, path, last=OVER, seconds=120, ready=None):
    """(name, data) of a stream, until one of `last` came or it ended."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=seconds)
    connection.request("GET", path)
    response = connection.getresponse()
    expect((response.status, response.headers["Content-Type"]), (200, "text/event-stream"))
    if ready:
        ready.set()
    name, found = None, []
    for line in response:
        line = line.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            found.append((name, json.loads(line[6:])))
        if line == "" and found and found[-1][0] in last:
            break
    connection.close()
    return found


# ---- Webhooks ------------------------------------------------------------------------------

class Receiver(http.server.ThreadingHTTPServer):
    """Takes deliveries; the first `n_failures` are answered with 500."""

    def __init__(self, n_failures=0, port=0, redirect=None):
        self.got, self.n_failures, self.redirect = [], n_failures, redirect
        super().__init__(("127.0.0.1", port), ReceiverHandler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def wait(self, n, seconds=60):
        """Until there are n."""
        end = time.monotonic() + seconds
        while len(self.got) < n:
            if time.monotonic() > end:
                raise AssertionError(f"{len(self.got)} deliveries, not {n}")
            time.sleep(0.05)


class ReceiverHandler(http.server.BaseHTTPRequestHandler):
    """One delivery."""

    def do_POST(self):
        """Notes it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        fails = len(self.server.got) <= self.server.n_failures
        self.send_response(302 if self.server.redirect else 500 if fails else 204)
        if self.server.redirect:
            self.send_header("Location", self.server.redirect)
        self.end_headers()

    def log_message(self, *_):
        """Nothing."""
