#!/usr/bin/env python3
"""What clients do wrong, and machines: every fault has its documented answer and leaves nothing.

    tests/http/test_faults.py PROGRAM [--full] [NAME...]
"""
import argparse
import concurrent.futures
import contextlib
import errno
import http.client
import json
import os
import resource
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import harness  # noqa: E402
from watched import Watched  # noqa: E402

BOUNDARY = "b0undary-of-the-tests"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"
FULL = False
PROGRAM = ""


# ---- Raw HTTP ------------------------------------------------------------------------------

def silence(seconds=1.0, rate=16000):
    """A WAV of a faint tone."""
    n = int(seconds * rate)
    period = b"".join(((i * 37) % 200 - 100).to_bytes(2, "little", signed=True)
                      for i in range(200))
    data = (period * (n // 200 + 1))[:2 * n]
    return struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVEfmt ", 16, 1, 1, rate,
                       2 * rate, 2, 16, b"data", len(data)) + data


def part(name, value, filename=None):
    """One part of a form."""
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
    return head + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"


def form(*parts):
    """A whole body."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def head(method, path, length=None, content_type=None, **more):
    """The head of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if content_type:
        lines.append(f"Content-Type: {content_type}")
    if length is not None:
        lines.append(f"Content-Length: {length}")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Answer:
    """A reply read from a socket: status, headers in lower case, body."""

    def __init__(self, connection, keep=b"", body=True):
        data = keep
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError(f"closed before the end of the headers: {data!r}")
            data += piece
        top, _, data = data.partition(b"\r\n\r\n")
        lines = top.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {k.lower(): v.strip() for k, _, v in (x.partition(":") for x in lines[1:])}
        n = int(self.headers.get("content-length", 0)) if body and self.status != 204 else 0
        while len(data) < n:
            piece = connection.recv(65536)
            if not piece:
                raise ConnectionError("closed before the end of the body")
            data += piece
        self.body, self.rest = data[:n], data[n:]

    def error(self):
        """The error object."""
        return json.loads(self.body)["error"]


def connect(server, seconds=30):
    """A connection."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def ask(server, data, **how):
    """Sends bytes on a fresh connection; the answer."""
    with connect(server) as connection:
        connection.sendall(data)
        return Answer(connection, **how)


def post(server, body, path="/transcribe", content_type=TYPE, **more):
    """A whole POST."""
    return ask(server, head("POST", path, len(body), content_type, **more) + body)


def work(seconds, *parts):
    """A form that takes a while: nothing is left out, and a beam looks far."""
    return form(part("vad_filter", "false"), part("beam_size", "8"),
                part("temperature_increment_on_fallback", "None"), *parts,
                part("file", silence(seconds), "a.wav"))


def expect(found, wanted, what=""):
    """Raises unless they are equal."""
    if found != wanted:
        raise AssertionError(f"{what}: expected {wanted!r}, found {found!r}")


def settle(server, files, threads, seconds=20):
    """Waits until descriptors, threads and spool are as they were."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.files() <= files and server.threads() <= threads and server.spooled() == 0:
            return
        time.sleep(0.05)
    raise AssertionError(f"left over: {server.files() - files} descriptors, "
                         f"{server.threads() - threads} threads, {server.spooled()} files")


# ---- Slow and absent clients ---------------------------------------------------------------

def slow_headers():
    """A header byte now and then: the connection ends, others are served meanwhile."""
    with Watched(PROGRAM, client_timeout_s=1) as server:
        with connect(server) as connection:
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            start = time.monotonic()
            try:
                while time.monotonic() - start < 10:
                    connection.sendall(b"a")
                    expect(server.get("/health").status, 200, "others")
                    time.sleep(0.2)
                raise AssertionError("the connection lived on")
            except (BrokenPipeError, ConnectionResetError):
                pass
            if time.monotonic() - start > 4:
                raise AssertionError("the connection lived too long")


def slow_body():
    """A body byte now and then: 408, then the end."""
    with Watched(PROGRAM, client_timeout_s=2) as server:
        files, threads = server.files(), server.threads()
        with connect(server) as connection:
            connection.sendall(head("POST", "/transcribe", 100000, TYPE) +
                               part("file", "", "a.wav")[:-2])
            connection.settimeout(0.2)
            answer, start = None, time.monotonic()
            while answer is None and time.monotonic() - start < 10:
                try:
                    connection.sendall(b"a")
                    answer = Answer(connection)
                except socket.timeout:
                    continue
            expect(answer and answer.status, 408, "status")
        settle(server, files, threads)


def stalled_body():
    """A body that stops: the connection ends after the time of silence, without an upload left."""
    with Watched(PROGRAM, client_timeout_s=1) as server:
        files, threads = server.files(), server.threads()
        with connect(server) as connection:
            connection.sendall(head("POST", "/transcribe", 100000, TYPE) +
                               part("file", "abc", "a.wav"))
            expect(connection.recv(100), b"", "answer")
        settle(server, files, threads)
        time.sleep(0.1)
        if not " 408 " in server.log:
            raise AssertionError("no 408 in the log")


def long_work_outlives_the_timeout():
    """The client's silence while it waits for us is no silence."""
    with Watched(PROGRAM, client_timeout_s=1, threads=1) as server:
        start = time.monotonic()
        body = work(300)
        with connect(server, 300) as connection:
            connection.sendall(head("POST", "/transcribe", len(body), TYPE) + body)
            expect(Answer(connection).status, 200, "status")
        if time.monotonic() - start < 1.5:
            print("skipped: this machine is too fast for the test of the timeout")


def quiet_stream_outlives_the_timeout():
    """Nor is it while a stream has nothing to say yet."""
    with Watched(PROGRAM, client_timeout_s=1) as server, connect(server) as connection:
        connection.sendall(head("GET", "/jobs/events"))
        time.sleep(3.5)
        body = form(part("file", silence(0.3), "a.wav"))
        expect(post(server, body, "/jobs").status, 202, "a job")
        data = b""
        while b"created" not in data:
            piece = connection.recv(65536)
            if not piece:
                raise AssertionError(f"the stream has ended: {data!r}")
            data += piece


def gone_mid_upload():
    """Clients that vanish in the middle of an upload, again and again, leave nothing."""
    n = 10000 if FULL else 200
    with Watched(PROGRAM) as server:
        ask(server, head("GET", "/health"))
        time.sleep(0.2)
        files, threads = server.files(), server.threads()
        data = head("POST", "/transcribe", 10_000_000, TYPE) + part("file", b"x" * 70000, "a.wav")

        def vanish(i):
            with connect(server) as connection:
                connection.sendall(data[:len(data) - 1 - (i * 997) % len(data)])
                if i % 2:  # a reset instead of an end
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          b"\x01\0\0\0\0\0\0\0")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(vanish, range(n)))
        settle(server, files, threads)
        expect(server.get("/health").status, 200, "health")
        print(f"{n} clients gone: {server.files()} descriptors, {server.threads()} threads")


def gone_while_transcribing():
    """A client that leaves while it is transcribed for: the work is cancelled."""
    with Watched(PROGRAM) as server:
        body = work(300)
        connection = connect(server)
        connection.sendall(head("POST", "/transcribe", len(body), TYPE) + body)

        def queue():
            return server.get("/status").json()["queue"]
        end = time.monotonic() + 20
        while queue()["active"] == 0 and time.monotonic() < end:
            time.sleep(0.02)
        expect(queue()["active"], 1, "active")
        connection.close()
        end = time.monotonic() + 10
        while queue()["active"] > 0 and time.monotonic() < end:
            time.sleep(0.05)
        expect((queue()["active"], queue()["cancelled"]), (0, 1), "after the client left")
        expect(server.spooled(), 0, "spool")


# ---- Too much --------------------------------------------------------------------------------

def huge_by_length():
    """10 GB announced: refused before the body, with or without Expect, and the answer arrives."""
    with Watched(PROGRAM) as server:
        start = head("POST", "/transcribe", 10_000_000_000, TYPE)
        answer = ask(server, start)
        expect((answer.status, answer.error()["code"]), (413, "file_too_large"), "bare")
        answer = ask(server, start[:-2] + b"Expect: 100-continue\r\n\r\n")
        expect(answer.status, 413, "with Expect")
        with connect(server) as connection:  # one that does not listen until it has sent a lot
            connection.sendall(start)
            try:
                for _ in range(200):
                    connection.sendall(b"x" * 65536)
            except OSError:
                pass
            expect(Answer(connection).status, 413, "while sending")
        expect(server.spooled(), 0, "spool")


def huge_in_chunks():
    """No length announced: refused at the limit, with an answer."""
    with Watched(PROGRAM, max_upload_mb=20) as server:
        files, threads = server.files(), server.threads()
        with connect(server) as connection:
            connection.sendall(head("POST", "/transcribe", None, TYPE, Transfer_Encoding="chunked"))
            first = part("file", "", "a.wav")[:-2]
            connection.sendall(b"%x\r\n%s\r\n" % (len(first), first))
            n = 0
            try:
                while n < 200_000_000:
                    connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                    n += 65536
                raise AssertionError("all of it was taken")
            except OSError:
                pass
            answer = Answer(connection)
            expect((answer.status, answer.error()["code"]), (413, "file_too_large"), "answer")
            if n > 60_000_000:
                raise AssertionError(f"{n} bytes were taken")
        settle(server, files, threads)


def a_little_too_much():
    """A small excess: the body is read to its end, and the connection goes on."""
    with Watched(PROGRAM, max_upload_mb=0.1) as server, connect(server) as connection:
        body = form(part("file", b"x" * 105_000, "a.wav"))
        connection.sendall(head("POST", "/transcribe", len(body), TYPE) + body)
        expect(Answer(connection).status, 413, "status")
        connection.sendall(head("GET", "/health"))
        expect(Answer(connection).status, 200, "the same connection")


def too_many_parts():
    """Many fields, or large ones: 400 and 413."""
    with Watched(PROGRAM) as server:
        expect(post(server, form(*[part(f"f{i}", "x") for i in range(1000)])).status, 400, "fields")
        expect(post(server, form(*[part("file", "x", "a") for _ in range(1000)])).status, 400,
               "files")
        expect(server.spooled(), 0, "spool")
        expect(post(server, form(part("prompt", b"x" * (17 << 20)))).status, 413, "bytes")
        query = "&".join(f"a{i}=1" for i in range(300))
        expect(post(server, form(part("file", silence(), "a.wav")), f"/transcribe?{query}").status,
               400, "query")


def large_headers():
    """Headers beyond the memory of a connection."""
    with Watched(PROGRAM) as server:
        status = ask(server, head("GET", "/health", X_Large="a" * 200_000)).status
        expect(status, 431, "one header")
        expect(ask(server, head("GET", "/" + "a" * 200_000)).status, 414, "path")
        expect(server.get("/health").status, 200, "afterwards")


def many_connections():
    """More connections than there may be: the rest is turned away, and it recovers."""
    with Watched(PROGRAM, max_connections=8, client_timeout_s=2) as server:
        held = [connect(server) for _ in range(30)]
        time.sleep(0.3)
        if server.threads() > 40:
            raise AssertionError(f"{server.threads()} threads")
        for connection in held:
            connection.close()
        end = time.monotonic() + 10
        while time.monotonic() < end:
            try:
                expect(ask(server, head("GET", "/health")).status, 200, "afterwards")
                return
            except (ConnectionError, OSError):
                time.sleep(0.1)
        raise AssertionError("it does not recover")


# ---- Malformed -------------------------------------------------------------------------------

def malformed_forms():
    """Bodies that are no forms: 400, nothing left."""
    wav = silence()
    whole = form(part("file", wav, "a.wav"))
    bad = {
        "no end": whole[:-len(BOUNDARY) - 6],
        "cut in the file": whole[:500],
        "cut in the head": whole[:40],
        "nothing": b"\r\n",
        "no boundary at all": wav,
        "no name": whole.replace(b'name="file"; ', b""),
        "zeros": bytes(5000),
        "long name": form(part("n" * 500, "x"), part("file", wav, "a.wav")),
    }
    with Watched(PROGRAM) as server:
        files, threads = server.files(), server.threads()
        for name, body in bad.items():
            answer = post(server, body)
            expect(answer.status, 400, name)
            if "message" not in answer.error():
                raise AssertionError(name)
        expect(post(server, whole, content_type="multipart/form-data").status, 400, "no boundary")
        expect(post(server, whole, content_type="text/plain").status, 415, "other type")
        expect(post(server, b"{", content_type="application/json").status, 400, "JSON")
        expect(post(server, form(part("file", b"", "a.wav"))).status, 400, "empty file")
        expect(post(server, form(part("file", b"no audio", "a.wav"))).status, 400, "no audio")
        settle(server, files, threads)


def forms_in_pieces():
    """A form means the same however it is cut."""
    with Watched(PROGRAM) as server:
        body = form(part("language", "en"), part("file", silence(0.3), "a.wav"))
        first = body.index(b"RIFF")
        texts = set()
        for cut in [1, 30, len(BOUNDARY) + 4, first - 2, first - 1, first, first + 1, first + 2,
                    first + 3, first + 4, first + 5, len(body) - 3]:
            with connect(server) as connection:
                connection.sendall(head("POST", "/transcribe", len(body), TYPE))
                time.sleep(0.02)
                connection.sendall(body[:cut])
                time.sleep(0.02)
                connection.sendall(body[cut:])
                answer = Answer(connection)
                expect(answer.status, 200, f"cut at {cut}: {answer.body!r}")
                texts.add(json.loads(answer.body)["text"])
        expect(len(texts), 1, "texts")


def malformed_requests():
    """Lines that are no HTTP, lengths that contradict: an error or the end, never a crash."""
    with Watched(PROGRAM) as server:
        both = head("POST", "/transcribe", 5, TYPE, Transfer_Encoding="chunked") + b"0\r\n\r\n"
        answer = ask(server, both)
        expect((answer.status, answer.headers.get("connection", "").lower()), (400, "close"),
               "two lengths")
        chunked = head("POST", "/transcribe", None, TYPE, Transfer_Encoding="chunked")
        for data in [b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
                     b"GET / HTTP/9.9\r\n\r\n", head("POST", "/transcribe", "-1", TYPE),
                     head("POST", "/transcribe", "9" * 30, TYPE), chunked + b"zz\r\n",
                     b"GET /health HTTP/1.1\r\nHost: localhost\r\n : x\r\n\r\n"]:
            with connect(server, 5) as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                try:
                    while connection.recv(65536):
                        pass
                except ConnectionResetError:
                    pass
        expect(server.get("/health").status, 200, "afterwards")


def methods():
    """HEAD, OPTIONS, unknown ones, wrong ones."""
    with Watched(PROGRAM) as server:
        whole = ask(server, head("GET", "/models"))
        bare = ask(server, head("HEAD", "/models"), body=False)
        expect((bare.status, bare.headers["content-length"]),
               (200, whole.headers["content-length"]), "HEAD")
        options = ask(server, head("OPTIONS", "/models"))
        expect((options.status, options.headers["allow"]), (204, "GET, HEAD, OPTIONS"), "OPTIONS")
        for method in ["BREW", "DELETE", "PUT", "PATCH", "TRACE"]:
            answer = ask(server, head(method, "/transcribe"))
            expect((answer.status, answer.headers["allow"]), (405, "POST, OPTIONS"), method)
        expect(ask(server, head("GET", "/nowhere")).error()["code"], "not_found", "404")
        expect(ask(server, head("GET", "/../../etc/passwd")).status, 404, "path")


def pipelined():
    """Requests before their answers, and many on one connection."""
    with Watched(PROGRAM) as server, connect(server) as connection:
        connection.sendall(head("GET", "/health") * 5 + head("GET", "/models"))
        rest = b""
        for _ in range(5):
            answer = Answer(connection, rest)
            expect(answer.status, 200, "pipelined")
            rest = answer.rest
        if "models" not in json.loads(Answer(connection, rest).body):
            raise AssertionError("the last answer is another's")
        body = form(part("file", silence(0.3), "a.wav"))
        for _ in range(3):
            connection.sendall(head("POST", "/transcribe", len(body), TYPE) + body)
            expect(Answer(connection).status, 200, "again")


# ---- The machine -------------------------------------------------------------------------------

def drain():
    """SIGTERM: what is under way ends well, new work is refused, the program ends with 0."""
    with Watched(PROGRAM, threads=1, drain_s=120) as server, \
            connect(server, 300) as busy, connect(server) as idle:
        idle.sendall(head("GET", "/health"))
        expect(Answer(idle).status, 200, "before")
        body = work(60)
        busy.sendall(head("POST", "/transcribe", len(body), TYPE) + body)
        while server.get("/status").json()["queue"]["active"] == 0:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        small = form(part("file", silence(0.3), "a.wav"))
        idle.sendall(head("POST", "/transcribe", len(small), TYPE) + small)
        answer = Answer(idle)
        expect((answer.status, answer.error()["code"]), (503, "shutting_down"), "new work")
        try:
            connect(server, 2).close()
            raise AssertionError("it still listens")
        except ConnectionRefusedError:
            pass
        expect(Answer(busy).status, 200, "what was under way")
        expect(server.process.wait(20), 0, "exit code")


def drain_is_bounded():
    """Work that takes longer than it may is cancelled."""
    with Watched(PROGRAM, drain_s=1) as server, connect(server, 60) as busy:
        body = work(300)
        busy.sendall(head("POST", "/transcribe", len(body), TYPE) + body)
        while server.get("/status").json()["queue"]["active"] == 0:
            time.sleep(0.01)
        start = time.monotonic()
        expect(server.stop(), 0, "exit code")
        if time.monotonic() - start > 10:
            raise AssertionError("it took too long")


def full_disk():
    """No room for the upload: 507, nothing left, and it goes on."""
    with Watched(PROGRAM) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
        answer = post(server, form(part("file", b"x" * 3_000_000, "a.wav")))
        expect(answer.status, 507, f"status: {answer.body!r}")
        expect(server.spooled(), 0, "spool")
        expect(post(server, form(part("file", silence(1), "a.wav"))).status, 200, "small one")


@contextlib.contextmanager
def small_filesystem(size):
    """A file system of its own of so many bytes; None where this user may not mount one."""
    with tempfile.TemporaryDirectory() as folder:
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder],
                               capture_output=True, text=True, check=False)
        if mount.returncode != 0:
            print(f"skipped: full_filesystem: {mount.stderr.strip()}")
            yield None
            return
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


def fill(path):
    """Writes until nothing more fits."""
    with open(path, "wb", buffering=0) as filler:
        for size in (65536, 4096, 1):
            try:
                while True:
                    filler.write(b"x" * size)
            except OSError as error:
                expect(error.errno, errno.ENOSPC, "filling")


def full_filesystem():
    """Uploads, jobs and results that find no room: an answer, nothing lost, and on it goes."""
    with small_filesystem(24_000_000) as folder:
        if folder is None:
            return
        with Watched(PROGRAM, data_dir=folder) as server:
            small = form(part("file", silence(1), "a.wav"))
            answer = post(server, form(part("file", b"x" * 30_000_000, "a.wav")))
            expect(answer.status, 507, f"an upload: {answer.body!r}")
            expect(list((folder / "spool").iterdir()), [], "spool")
            expect(post(server, small).status, 200, "what fits")
            job = json.loads(post(server, work(90), "/jobs").body)
            fill(folder / "filler")  # while it runs
            expect(post(server, small, "/jobs").status, 507, "a job")
            expect(server.get("/health").status, 200, "health")
            end = time.monotonic() + 120
            while "cannot be kept" not in server.log:
                expect(time.monotonic() < end, True, "the result meets the full disk")
                time.sleep(0.1)
            (folder / "filler").unlink()
            end = time.monotonic() + 60
            while (found := server.get(f"/jobs/{job['id']}").json())["status"] != "done":
                if time.monotonic() > end or found["status"] == "failed":
                    raise AssertionError(f"after there was room again: {found}")
                time.sleep(0.1)
            expect(server.get(f"/jobs/{job['id']}/result").status, 200, "its result")
            expect(post(server, small, "/jobs").status, 202, "another job")


def port_taken():
    """A clear line and an exit code."""
    with Watched(PROGRAM) as server, tempfile.TemporaryDirectory() as data:
        other = subprocess.run(
            [PROGRAM, "serve", "--port", str(server.port), "--data_dir", data,
             "--model", str(harness.english_model())],
            capture_output=True, text=True, timeout=60, check=False)
        expect(other.returncode, 4, "exit code")
        if f"port {server.port}" not in other.stderr or "in use" not in other.stderr:
            raise AssertionError(other.stderr)


def secrets_stay():
    """No header of authorisation in the log."""
    with Watched(PROGRAM) as server:
        ask(server, head("GET", "/models", Authorization="Bearer s3cret-of-a-client"))
        ask(server, head("GET", "/nowhere?key=s3cret-of-a-client"))
        time.sleep(0.2)
        if "s3cret" in server.log or not server.log:
            raise AssertionError(server.log)


class Secure(Watched):
    """Asked over TLS."""

    def __init__(self, program, context, **options):
        super().__init__(program, **options)
        self.context = context

    def connection(self):
        return http.client.HTTPSConnection("localhost", self.port, context=self.context)


def tls():
    """HTTPS with a certificate of our own; the client that leaves is noticed there too."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = f"{folder}/key.pem", f"{folder}/cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                        "-out", certificate, "-days", "1", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost"], check=True, capture_output=True)
        context = ssl.create_default_context(cafile=certificate)
        with Secure(PROGRAM, context, tls_cert=certificate, tls_key=key) as server:

            def secure():
                return context.wrap_socket(connect(server), server_hostname="localhost")
            body = form(part("file", silence(0.3), "a.wav"))
            with secure() as connection:
                connection.sendall(head("POST", "/transcribe", len(body), TYPE) + body)
                expect(Answer(connection).status, 200, "transcribe")
            body = work(300)
            connection = secure()
            connection.sendall(head("POST", "/transcribe", len(body), TYPE) + body)

            def queue():
                return server.get("/status").json()["queue"]
            while queue()["active"] == 0:
                time.sleep(0.02)
            try:  # the farewell of TLS, then the end
                connection.settimeout(0.2)
                connection.unwrap()
            except OSError:
                pass
            connection.close()
            end = time.monotonic() + 10
            while queue()["active"] > 0 and time.monotonic() < end:
                time.sleep(0.05)
            expect(queue()["cancelled"], 1, "cancelled")
        bad = subprocess.run([PROGRAM, "serve", "--port", "0", "--tls_cert", key, "--tls_key", key,
                              "--data_dir", folder, "--model", str(harness.english_model())],
                             capture_output=True, text=True, timeout=60, check=False)
        if bad.returncode == 0 or "certificate" not in bad.stderr:
            raise AssertionError(f"{bad.returncode} {bad.stderr}")


TESTS = [slow_headers, slow_body, stalled_body, long_work_outlives_the_timeout,
         quiet_stream_outlives_the_timeout, gone_mid_upload,
         gone_while_transcribing, huge_by_length, huge_in_chunks, a_little_too_much,
         too_many_parts, large_headers, many_connections, malformed_forms, forms_in_pieces,
         malformed_requests, methods, pipelined, drain, drain_is_bounded, full_disk,
         full_filesystem, port_taken,
         secrets_stay, tls]


def main():
    global FULL, PROGRAM
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_intermixed_args()
    FULL, PROGRAM = arguments.full, os.path.abspath(arguments.program)
    if harness.english_model() is None:
        print("skipped: no tiny.en")
        return 1 if harness.IS_CI else 77
    n_failed = 0
    for test in TESTS:
        if arguments.names and test.__name__ not in arguments.names:
            continue
        start = time.monotonic()
        try:
            test()
            print(f"ok {test.__name__} {time.monotonic() - start:.1f} s", flush=True)
        except Exception:
            n_failed += 1
            print(f"FAILED {test.__name__}", flush=True)
            traceback.print_exc()
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
