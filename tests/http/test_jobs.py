#!/usr/bin/env python3
"""Jobs: nothing accepted is lost or done twice, whatever happens to server, disk and store.

    tests/http/test_jobs.py PROGRAM [--full] [NAME...]
"""
import argparse
import concurrent.futures
import contextlib
import hashlib
import hmac
import http.client
import io
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.parse
import wave
from pathlib import Path

from harness import IS_CI, english_model
from jobs_support import (JobServer, Receiver, add, ask, code, events, expect, form, job, post,
                          repeated, result, speech, until)

FULL = False
PROGRAM = ""


# ---- What a job does -----------------------------------------------------------------------

def from_start_to_end():
    """Accepted, done, and its result is that of /transcribe in every format."""
    with JobServer(PROGRAM) as server:
        answer = post(server, word_timestamps="true", beam_size="2")
        expect(answer.status, 202, answer.body)
        first = answer.json()["jobs"][0]
        expect(answer.headers["Location"], f"/jobs/{first['id']}", "Location")
        expect((first["name"], first["duration"], first["options"]),
               ("talk.wav", 15.0, {"word_timestamps": "true", "beam_size": "2"}), "job")
        done = until(server, first["id"])
        expect((done["status"], done["progress"], done["error"], done["language"]),
               ("done", 1.0, None, "en"), "job")
        for name in ["json", "verbose_json", "text", "srt", "vtt", "tsv", "csv", "lrc", "html"]:
            direct = post(server, path="/transcribe", word_timestamps="true", beam_size="2",
                          response_format=name)
            kept = ask(server, "GET", f"/jobs/{first['id']}/result?format={name}&download=1")
            expect((kept.status, kept.headers["Content-Type"]),
                   (200, direct.headers["Content-Type"]), name)
            expect(kept.headers["Content-Disposition"].split('"')[1],
                   "talk." + {"text": "txt", "verbose_json": "json"}.get(name, name), "file name")
            if name == "json":
                ours, theirs = kept.json(), direct.json()
                for value in ours, theirs:
                    value.pop("processing_time"), value.pop("real_time_factor")
                expect(ours, theirs, name)
            else:
                expect(kept.body, direct.body, name)
        highlighted = result(server, first["id"], "srt", highlight_words="true")
        if "<u>" not in highlighted:
            raise AssertionError(highlighted)


def bad_requests():
    """Each is refused at once, and leaves no job and no file."""
    with JobServer(PROGRAM) as server:
        expect(code(post(server, [("a.txt", b"no audio at all" * 99)])), (400, None, "file"))
        expect(code(post(server, [("a.wav", b"")])), (400, None, "file"))
        expect(code(post(server, [("a.wav", speech()), ("b", b"nothing")])), (400, None, "file"))
        expect(code(post(server, model="no-such")), (404, "model_not_found", "model"))
        expect(code(post(server, beam_size="99")), (400, None, "beam_size"))
        for url in ["ftp://example.org/", "http://127.0.0.1/x", "http://[::1]/", "http://10.1.2.3",
                    "http://169.254.169.254/", "http://localhost:1/", "nonsense", "http://0x7f.1/",
                    "file:///etc/passwd", "http://2130706433/", "http://[::ffff:10.0.0.1]/"]:
            expect(code(post(server, webhook_url=url)), (400, None, "webhook_url"), url)
        body, headers = form({"model": ""}, [])
        expect(code(ask(server, "POST", "/jobs", body, headers)), (400, None, "file"))
        for path in ["/jobs?limit=x", "/jobs?limit=-1", "/jobs?offset=1e3", "/jobs?status=gone",
                     "/jobs?limit=1001"]:
            expect(ask(server, "GET", path).status, 400, path)
        for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/retry"), ("GET", "/result"),
                             ("GET", "/audio"), ("GET", "/peaks"), ("GET", "/events"),
                             ("PUT", "/result"), ("DELETE", "/result")]:
            body = b"{}" if method == "PUT" else None
            answer = ask(server, method, "/jobs/j_nobody" + path, body)
            expect(code(answer)[:2], (404, "not_found"), method + path)
        expect(ask(server, "GET", "/jobs").json(), {"jobs": [], "total": 0}, "no job")
        expect([os.listdir(f"{server.data}/{folder}") for folder in ("audio", "spool")], [[], []],
               "no file")


def lists_and_search():
    """Pages, states, and words of transcripts and names, whatever is typed."""
    with JobServer(PROGRAM) as server:
        answer = post(server, [(f"Grüße {i}.wav", repeated(1, 4)) for i in range(5)])
        names = [one["id"] for one in answer.json()["jobs"]]
        expect((len(names), "Location" in answer.headers), (5, False), "several")
        for name in names:
            until(server, name, "done")
        page = ask(server, "GET", "/jobs?limit=2&offset=1").json()
        expect((page["total"], [one["id"] for one in page["jobs"]]),
               (5, list(reversed(names))[1:3]), "page")
        expect(ask(server, "GET", "/jobs?status=failed").json()["total"], 0, "failed")
        expect(ask(server, "GET", "/jobs?status=done&limit=0").json()["total"], 5, "done")

        def search(words):
            found = ask(server, "GET", "/jobs?" + urllib.parse.urlencode({"q": words}))
            expect(found.status, 200, words)
            return found.json()
        word = result(server, names[0])["text"].split()[1].strip(",.").lower()
        expect(search(word)["total"], 5, word)
        if "«" not in search(word)["jobs"][0]["snippet"]:
            raise AssertionError(search(word))
        expect(search("grusse")["total"], 0, "ß is a letter of its own")
        expect([search("grüße 3")["total"], search("GRUßE")["total"], search("grü")["total"]],
               [1, 5, 5], "names")
        expect(search("xylophone")["total"], 0, "no match")
        for nasty in ['"', '""', 'a"b', "*", "NEAR(", "AND", "OR NOT", "name:x", "-a", "^a", "(",
                      ")", "a OR", "'; DROP TABLE jobs; --", "{a b}", "\u00ab", "  ", "+",
                      "\\", "\"" * 999, "x" * 5000]:
            search(nasty)
        expect(ask(server, "GET", "/jobs?q=%00%ff%fe").status, 200, "no UTF-8")
        expect(search("")["total"], 5, "all")


def events_in_order():
    """Segments as they come, to those who were there and to those who come later."""
    with JobServer(PROGRAM, threads=1) as server, \
            concurrent.futures.ThreadPoolExecutor() as pool:
        ready = threading.Event()
        everything = pool.submit(events, server, "/jobs/events", ("removed",), 120, ready)
        ready.wait()
        name = add(server, [("long.wav", repeated(12))])
        early = pool.submit(events, server, f"/jobs/{name}/events")
        while job(server, name)["done_s"] == 0:
            time.sleep(0.02)
        late = events(server, f"/jobs/{name}/events")
        early = early.result()
        segments = result(server, name)["segments"]
        for found in early, late:
            heard = [data for kind, data in found if kind == "segment"]
            expect([s["id"] for s in heard], list(range(len(segments))), "segments")
            expect([s["text"] for s in heard], [s["text"] for s in segments], "texts")
            expect((found[-1][0], found[-1][1]["status"]), ("done", "done"), "end")
        going = [data for kind, data in early if kind == "progress"]
        expect(going, sorted(going, key=lambda data: data["done_s"]), "progress")
        if not any(0 < data["progress"] < 1 and data["eta_s"] > 0 for data in going):
            raise AssertionError(going)
        expect([kind for kind, _ in events(server, f"/jobs/{name}/events")], ["done"], "afterwards")
        ask(server, "PUT", f"/jobs/{name}/result", json.dumps({"segments": segments}))
        expect(ask(server, "DELETE", f"/jobs/{name}").status, 204, "removed")
        kinds = [kind for kind, data in everything.result()]
        if "created" not in kinds:
            raise AssertionError(kinds)
        expect(kinds[-3:], ["done", "edited", "removed"], "all")


def events_end_with_the_server():
    """A stream that nobody says anything in does not keep the server from ending."""
    with JobServer(PROGRAM) as server, concurrent.futures.ThreadPoolExecutor() as pool:
        ready = threading.Event()
        stream = pool.submit(events, server, "/jobs/events", (), 30, ready)
        ready.wait()
        expect(server.stop(seconds=10), 0, "exit code")
        expect(stream.result(), [], "events")


def edits():
    """Edited text is what is shown, searched and exported; the original comes back."""
    with JobServer(PROGRAM) as server:
        name = add(server, word_timestamps="true")
        until(server, name, "done")
        path = f"/jobs/{name}/result"
        original = result(server, name)
        segments = json.loads(json.dumps(original["segments"]))
        words = segments[0]["text"].split()
        segments[0]["text"] = " ".join(words[:1] + ["flamingo", "party"] + words[2:])
        segments[0]["speaker"] = "Ann"
        del segments[0]["words"]
        answer = ask(server, "PUT", path, json.dumps({"segments": segments}))
        expect((answer.status, answer.json()["edited"]), (200, True), "PUT")
        edited = result(server, name)
        expect(edited["segments"][0]["text"], segments[0]["text"], "text")
        expect(edited["segments"][0]["speaker"], "Ann", "speaker")
        before, after = original["segments"][0]["words"], edited["segments"][0]["words"]
        expect([w["word"] for w in after], segments[0]["text"].split(), "words")
        expect((after[0], after[3:]), (before[0], before[2:]), "words that stay")
        expect((after[1]["start"], after[2]["end"]), (before[1]["start"], before[1]["end"]), "new")
        expect(edited["segments"][1:], original["segments"][1:], "other segments")
        if "flamingo party" not in result(server, name, "srt").replace("\n", " "):
            raise AssertionError(result(server, name, "srt"))
        expect([ask(server, "GET", f"/jobs?q={q}").json()["total"] for q in ("flamingo", words[1])],
               [1, 0 if words[1] not in segments[0]["text"] else 1], "search")
        merged = [{"start": 0, "end": 15, "text": "今日は晴れ", "words": []}]
        expect(ask(server, "PUT", path, json.dumps({"segments": merged})).status, 200, "merged")
        expect(result(server, name, "text"), "今日は晴れ\n", "text")
        expect(ask(server, "PUT", path, json.dumps({"segments": []})).status, 200, "nothing")
        expect(result(server, name)["text"], "", "nothing")
        for wrong in [b"", b"{", b"[]", b"{}", b'{"segments": 1}', b'{"segments": [1]}',
                      b'{"segments": [{"start": 0, "end": 1}]}',
                      b'{"segments": [{"start": 2, "end": 1, "text": "x"}]}',
                      b'{"segments": [{"start": -1, "end": 1, "text": "x"}]}',
                      b'{"segments": [{"start": "0", "end": 1, "text": "x"}]}',
                      b'{"segments": [{"start": 0, "end": 1e99, "text": "x"}]}',
                      b'{"segments": [{"start": 0, "end": 1, "text": "x", "speaker": 3}]}',
                      b'{"segments": [{"start": 5, "end": 6, "text": "x"}, {"start": 1, "end": 2, '
                      b'"text": "y"}]}',
                      b'{"segments": [{"start": 0, "end": 1, "text": "' + b"x" * 200000 + b'"}]}']:
            expect(ask(server, "PUT", path, wrong).status, 400, wrong[:80])
        answer = ask(server, "DELETE", path)
        expect((answer.status, answer.json()["edited"]), (200, False), "DELETE")
        expect(result(server, name), original, "original")
        expect(ask(server, "GET", "/jobs?q=flamingo").json()["total"], 0, "search")


def recording_and_waveform():
    """The recording as it came, in parts too; its outline."""
    with JobServer(PROGRAM) as server:
        sent = speech()
        name = add(server, [("talk.wav", sent)])
        whole = ask(server, "GET", f"/jobs/{name}/audio")
        expect((whole.status, whole.headers["Content-Type"], whole.body), (200, "audio/wav", sent))
        part = ask(server, "GET", f"/jobs/{name}/audio", headers={"Range": "bytes=1000-1999"})
        expect((part.status, part.body), (206, sent[1000:2000]), "range")
        expect(part.headers["Content-Range"], f"bytes 1000-1999/{len(sent)}", "range")
        for n in [1, 7, 1000, 10000]:
            answer = ask(server, "GET", f"/jobs/{name}/peaks?n={n}").json()
            expect((answer["duration"], len(answer["peaks"])), (15.0, n), "peaks")
            if not 0 < max(answer["peaks"]) <= 1 or min(answer["peaks"]) < 0:
                raise AssertionError(answer)
        with wave.open(io.BytesIO(sent)) as source:
            frames = source.readframes(source.getnframes())
        highest = max(abs(int.from_bytes(frames[i:i + 2], "little", signed=True))
                      for i in range(0, len(frames), 2)) / 32768
        found = ask(server, "GET", f"/jobs/{name}/peaks?n=1").json()["peaks"][0]
        if abs(found - highest) > 0.005:
            raise AssertionError(f"{found} {highest}")
        for n in ["0", "10001", "x"]:
            expect(ask(server, "GET", f"/jobs/{name}/peaks?n={n}").status, 400, n)


def cancelling():
    """Running and waiting jobs end at once, stay so, run again when asked, and can be removed."""
    with JobServer(PROGRAM, threads=1, max_active=2) as server:
        long, waiting = [add(server, [("long.wav", repeated(40))], beam_size="5")
                         for _ in range(2)]
        while job(server, long)["done_s"] == 0:
            time.sleep(0.02)
        expect(job(server, waiting)["position"], 1, "position")
        expect(ask(server, "POST", f"/jobs/{long}/retry").status, 409, "retry of a running one")
        expect(ask(server, "GET", f"/jobs/{long}/result").status, 409, "result of a running one")
        for name in waiting, long:
            answer = ask(server, "DELETE", f"/jobs/{name}")
            expect((answer.status, answer.json()["status"]), (200, "cancelled"), "cancel")
        while server.active() > 0:
            time.sleep(0.02)
        queue = ask(server, "GET", "/status").json()["queue"]
        expect((queue["cancelled"], queue["done"]), (1, 0), "the work itself")
        short = add(server)
        expect(until(server, short)["status"], "done", "the next one")
        expect(job(server, long)["status"], "cancelled", "afterwards")
        answer = ask(server, "POST", f"/jobs/{waiting}/retry")
        expect((answer.status, answer.json()["status"] in ("queued", "running")), (202, True))
        until(server, waiting, "running")
        ask(server, "DELETE", f"/jobs/{waiting}")
        for name in long, waiting, short:
            expect(ask(server, "DELETE", f"/jobs/{name}").status, 204, "remove")
            expect(ask(server, "GET", f"/jobs/{name}").status, 404, "removed")
        expect(os.listdir(Path(server.data, "audio")), [], "recordings")


def failing():
    """A recording that cannot be transcribed fails with its reason, and can be tried again."""
    with JobServer(PROGRAM, threads=1, max_active=2) as server:
        busy = add(server, [("long.wav", repeated(20))])
        name = add(server)
        (Path(server.data, "audio", name)).write_bytes(b"damaged" * 100)
        failed = until(server, name)
        expect((failed["status"], failed["error"]["code"]), ("failed", "E_AUDIO"), "failed")
        expect(ask(server, "GET", f"/jobs/{name}/result").status, 409, "result")
        (Path(server.data, "audio", name)).write_bytes(speech())
        expect(ask(server, "POST", f"/jobs/{name}/retry").json()["error"], None, "retry")
        expect(until(server, name)["status"], "done", "again")
        until(server, busy, "done")


def retention():
    """What is over is removed with its recording after its time."""
    with JobServer(PROGRAM, retention_days="0.00002") as server:
        name = add(server)
        end = time.monotonic() + 60
        while (ask(server, "GET", f"/jobs/{name}").status == 200 or
               os.listdir(Path(server.data, "audio"))):
            if time.monotonic() > end:
                raise AssertionError("it stays")
            time.sleep(0.1)


# ---- Webhooks ------------------------------------------------------------------------------

def webhooks():
    """Signed, tried again, for every kind of end."""
    secret = "correct horse"
    receiver = Receiver(n_failures=2)
    url = f"http://127.0.0.1:{receiver.server_port}/hook"
    with JobServer(PROGRAM, webhook_private="true", webhook_secret=secret) as server:
        name = add(server, webhook_url=url)
        receiver.wait(3)
        bodies = {body for _, body in receiver.got}
        expect(len(bodies), 1, "the same body")
        for headers, body in receiver.got:
            wanted = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            expect(headers["X-Amanuensis-Signature"], wanted, "signature")
            found = json.loads(body)
            expect((found["id"], found["status"], found["progress"]), (name, "done", 1.0), "body")
        long = add(server, [("long.wav", repeated(40))], webhook_url=url)
        ask(server, "DELETE", f"/jobs/{long}")
        receiver.wait(4)
        expect(json.loads(receiver.got[3][1])["status"], "cancelled", "cancelled")
        time.sleep(1.5)
        expect(len(receiver.got), 4, "once each")
        if secret in server.log:
            raise AssertionError("the secret is in the log")


def webhooks_survive():
    """A delivery that nobody took is made after kill -9 and a restart."""
    receiver = Receiver()
    port = receiver.server_port
    receiver.shutdown(), receiver.server_close()
    with tempfile.TemporaryDirectory() as data:
        with kept_server(data, webhook_private="true") as server:
            name = add(server, webhook_url=f"http://127.0.0.1:{port}/")
            until(server, name, "done")
            time.sleep(0.5)
            server.stop(signal.SIGKILL)
        receiver = Receiver(port=port)
        with kept_server(data, webhook_private="true"):
            receiver.wait(1, seconds=90)
            expect(json.loads(receiver.got[0][1])["id"], name, "delivered")


def webhooks_stay_outside():
    """No delivery to an address that is not public, by name, number or redirect."""
    inside = Receiver()
    try:
        own = "ip6-localhost" if "ip6-localhost" in Path("/etc/hosts").read_text() else \
              os.uname().nodename
        with JobServer(PROGRAM) as server:
            name = add(server, webhook_url=f"http://{own}:{inside.server_port}/")
            until(server, name, "done")
            end = time.monotonic() + 20
            while "not public" not in server.log:
                if time.monotonic() > end:
                    raise AssertionError(server.log)
                time.sleep(0.05)
        expect(inside.got, [], "by name")
        outside = Receiver(redirect=f"http://127.0.0.1:{inside.server_port}/")
        with JobServer(PROGRAM, webhook_private="true") as server:
            until(server, add(server, webhook_url=f"http://127.0.0.1:{outside.server_port}/"))
            outside.wait(1)
            time.sleep(0.5)
        expect(inside.got, [], "by redirect")
    finally:
        inside.shutdown()


# ---- The watched folder --------------------------------------------------------------------

def watched_folder():
    """Complete recordings become jobs, once, also across a restart."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as data:
        inbox = Path(folder)
        (inbox / "before.wav").write_bytes(speech())
        (inbox / "notes.txt").write_text("no recording" * 50)
        (inbox / "half.wav.part").write_bytes(speech())

        def names(server, n, seconds=60):
            end = time.monotonic() + seconds
            while True:
                jobs = ask(server, "GET", "/jobs").json()["jobs"]
                if len(jobs) >= n and all(one["status"] == "done" for one in jobs):
                    return sorted(one["name"] for one in jobs)
                if time.monotonic() > end:
                    raise AssertionError(jobs)
                time.sleep(0.1)
        with kept_server(data, watch=folder) as server:
            with open(inbox / "slow.wav", "wb") as out:
                for at in range(0, 400000, 100000):
                    out.write(speech()[at:at + 100000])
                    out.flush()
                    time.sleep(0.7)
                out.write(speech()[400000:])
            os.rename(inbox / "half.wav.part", inbox / "half.wav")
            expect(names(server, 3), ["before.wav", "half.wav", "slow.wav"], "taken")
            slow = next(one for one in ask(server, "GET", "/jobs").json()["jobs"]
                        if one["name"] == "slow.wav")
            expect(slow["bytes"], len(speech()), "whole")
            time.sleep(2)
            expect(len(names(server, 3)), 3, "once")
        with kept_server(data, watch=folder) as server:
            time.sleep(7)
            expect(len(names(server, 3)), 3, "once, after a restart")
            (inbox / "before.wav").write_bytes(repeated(1, 5))
            expect(len(names(server, 4)), 4, "changed")
            expect(sorted(os.listdir(inbox)), ["before.wav", "half.wav", "notes.txt", "slow.wav"])
    with tempfile.TemporaryDirectory() as data:
        run = subprocess.run([PROGRAM, "serve", "--port", "0", "--data_dir", data, "--watch",
                              "/nowhere", "--model", str(english_model())],
                             capture_output=True, text=True, timeout=60, check=False)
        if run.returncode == 0 or "/nowhere" not in run.stderr:
            raise AssertionError(f"{run.returncode} {run.stderr}")


# ---- What must not be lost -----------------------------------------------------------------

@contextlib.contextmanager
def kept_server(data, **options):
    """A server on a folder that outlives it."""
    with JobServer(PROGRAM, data=data, **options) as server:
        yield server


def store(data):
    """The store, read by another process."""
    return sqlite3.connect(f"file:{data}/jobs.db?mode=ro", uri=True)


class Load:
    """Clients who post until the server is gone, and remember what was accepted."""

    def __init__(self, server, accepted, n_clients=3):
        self.server, self.accepted = server, accepted
        self.clips = [repeated(1, seconds) for seconds in (1, 3, 6)]
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.post, daemon=True) for _ in range(n_clients)]
        for thread in self.threads:
            thread.start()

    def post(self):
        """One client."""
        while self.server.process.poll() is None:
            clip = random.choice(self.clips)
            try:
                answer = post(self.server, [("a.wav", clip)])
                if answer.status == 202:
                    with self.lock:
                        self.accepted[answer.json()["id"]] = clip
            except (OSError, http.client.HTTPException, ValueError):
                pass  # the server died under it: not accepted, or not known to be
            time.sleep(random.uniform(0, 0.1))

    def join(self):
        """Until all are gone."""
        for thread in self.threads:
            thread.join()


def check_done(server, data, accepted):
    """Every accepted job is done, once, with its whole result and recording."""
    before, end = -1, 0
    while True:
        listed = ask(server, "GET", "/jobs?limit=1").json()["total"]
        done = ask(server, "GET", "/jobs?status=done&limit=0").json()["total"]
        if listed == done:
            break
        if done > before:
            before, end = done, time.monotonic() + 60
        if time.monotonic() > end:
            raise AssertionError(f"{done} of {listed} jobs, and no more for a minute")
        time.sleep(0.2)
    texts = {}
    for name, clip in accepted.items():
        found = result(server, name)
        expect(job(server, name)["bytes"], len(clip), "bytes")
        whole = texts.setdefault(len(clip), found["text"])
        expect(found["text"], whole, "every run of a recording gives the same text")
        expect(Path(data, "audio", name).read_bytes(), clip, "recording")
    with contextlib.closing(store(data)) as db:
        n_jobs, = db.execute("SELECT count(*) FROM jobs").fetchone()
        n_results, = db.execute("SELECT count(*) FROM results").fetchone()
        n_texts, = db.execute("SELECT count(*) FROM transcripts WHERE body != ''").fetchone()
        n_empty, = db.execute("SELECT count(*) FROM results WHERE original NOT LIKE '%\"text\"%'"
                              ).fetchone()
        expect((n_results, n_texts), (n_jobs, n_jobs - n_empty), "results")
        expect(db.execute("PRAGMA integrity_check").fetchone()[0], "ok", "store")
        expect(set(os.listdir(f"{data}/audio")),
               {name for name, in db.execute("SELECT id FROM jobs")}, "recordings")


def killed():
    """kill -9 at random moments under load: no accepted job is lost, none is done twice."""
    n_kills = 50 if FULL else 5
    accepted = {}
    with tempfile.TemporaryDirectory() as data:
        for _ in range(n_kills):
            with kept_server(data, ready=False) as server:
                load = Load(server, accepted)
                time.sleep(random.uniform(0.3, 2.0))
                server.stop(signal.SIGKILL)
                load.join()
        if len(accepted) < n_kills:
            raise AssertionError(f"only {len(accepted)} jobs accepted")
        with kept_server(data) as server:
            check_done(server, data, accepted)
        print(f"  {n_kills} kills, {len(accepted)} jobs accepted")


def stopped():
    """SIGTERM: what does not come to its end in time waits, and is done after the next start."""
    accepted = {}
    with tempfile.TemporaryDirectory() as data:
        with kept_server(data, threads=1, drain_s=0) as server:
            name = add(server, [("long.wav", repeated(40))])
            accepted[name] = repeated(40)
            until(server, name, "running")
            expect(server.stop(), 0, "exit code")
        with contextlib.closing(store(data)) as db:
            expect(db.execute("SELECT status FROM jobs").fetchall(), [(0,)], "waiting")
        with kept_server(data) as server:
            check_done(server, data, accepted)


def full_disk():
    """No job is accepted that cannot be kept; a result waits for room; then all goes on."""
    with tempfile.TemporaryDirectory() as data, kept_server(data, threads=1) as server:
        until(server, add(server), "done")
        name = add(server, [("long.wav", repeated(20))])
        until(server, name, "running")
        size = os.path.getsize(f"{data}/jobs.db-wal")
        pid = server.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
        answer = post(server, [("small.wav", repeated(1, 0.5))])
        expect(answer.status, 507, answer.body)
        expect(ask(server, "GET", "/jobs").json()["total"], 2, "jobs")
        end = time.monotonic() + 120
        while "cannot be kept" not in server.log:
            if time.monotonic() > end:
                raise AssertionError(server.log)
            time.sleep(0.1)
        expect(job(server, name)["status"], "running", "without room")
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        expect(until(server, name)["status"], "done", "with room")
        expect(post(server).status, 202, "again")
        expect(len(os.listdir(f"{data}/audio")), 3, "recordings")


def locked():
    """Another process holds the store: clients are told to come again, no job is lost."""
    with tempfile.TemporaryDirectory() as data, kept_server(data, threads=1) as server:
        name = add(server, [("a.wav", speech())])
        other = sqlite3.connect(f"{data}/jobs.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answer = post(server)
        expect(code(answer)[:2], (503, "store_locked"), "POST")
        expect(answer.headers["Retry-After"] is not None, True, "Retry-After")
        expect(ask(server, "GET", "/jobs").status, 200, "reading goes on")
        other.execute("ROLLBACK")
        other.close()
        expect(until(server, name)["status"], "done", "afterwards")
        expect(until(server, add(server))["status"], "done", "new ones")


def damaged_store():
    """A damaged store, a newer one, and one in use: the server says so and does not start."""
    def start(data):
        run = subprocess.run([PROGRAM, "serve", "--port", "0", "--data_dir", data, "--model",
                              str(english_model())], capture_output=True, text=True, timeout=60,
                             check=False)
        if run.returncode == 0:
            raise AssertionError(run.stderr)
        return run.stderr
    with tempfile.TemporaryDirectory() as data:
        Path(data, "jobs.db").write_bytes(b"this is no data base " * 500)
        if "damaged" not in start(data):
            raise AssertionError(start(data))
    with tempfile.TemporaryDirectory() as data:
        with kept_server(data):
            if "another server" not in start(data):
                raise AssertionError(start(data))
        with contextlib.closing(sqlite3.connect(f"{data}/jobs.db")) as db:
            db.execute("PRAGMA user_version = 1000")
        if "newer version" not in start(data):
            raise AssertionError(start(data))


def deaf_listeners():
    """Listeners who do not read do not hold up the work; too many are turned away."""
    with JobServer(PROGRAM, max_connections=12) as server:
        deaf = []
        for _ in range(6):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            connection.request("GET", "/jobs/events")
            deaf.append(connection)
        while server.threads() < 6:
            time.sleep(0.05)
        time.sleep(0.5)
        expect(ask(server, "GET", "/jobs/events").status, 429, "one more")
        expect(until(server, add(server))["status"], "done", "work goes on")
        for connection in deaf:
            connection.close()


TESTS = [from_start_to_end, bad_requests, lists_and_search, events_in_order,
         events_end_with_the_server, edits, recording_and_waveform, cancelling, failing, retention,
         webhooks, webhooks_survive, webhooks_stay_outside, watched_folder, killed, stopped,
         full_disk, locked, damaged_store, deaf_listeners]


def main():
    global FULL, PROGRAM
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_intermixed_args()
    FULL, PROGRAM = arguments.full, os.path.abspath(arguments.program)
    if english_model() is None or speech() is None:
        print("skipped: no model to serve, or no recording")
        return 1 if IS_CI else 77
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
