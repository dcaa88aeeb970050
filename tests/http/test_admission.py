#!/usr/bin/env python3
"""Who may ask: API keys, rates, pages of other origins; the configuration file; /metrics.

    tests/http/test_admission.py PROGRAM
"""
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import harness  # noqa: E402
from harness import check  # noqa: E402
from watched import Watched  # noqa: E402

CODES = Path(__file__).parents[2] / "data/amanuensis.conf"


def keys(program, data, *words):
    """What `amanuensis keys` prints."""
    return subprocess.run([program, "keys", *words, "--data_dir", data], capture_output=True,
                          text=True, timeout=60, check=True).stdout.strip()


def equal(found, wanted, what=""):
    """Raises unless they are."""
    assert found == wanted, f"{what}: expected {wanted!r}, found {found!r}"


@check
def keys_open_and_close(program):
    """A key that is made, used and removed while the server runs."""
    with Watched(program) as server:
        equal(server.get("/models").status, 200, "without keys")
        key = keys(program, server.data, "add", "one")
        assert re.fullmatch(r"amn-[0-9a-f]{64}", key), key
        other = keys(program, server.data, "add", "two")
        time.sleep(1.1)
        reply = server.get("/models")
        equal((reply.status, reply.error()["code"]), (401, "invalid_api_key"), "no key")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer"), reply.headers
        for wrong in ["Bearer " + key[:-1], "Bearer " + key.upper(), "Bearer ", "Basic " + key,
                      "Bearer " + "x" * 5000, f"Bearer {key}x", "Bearer amn-"]:
            equal(server.get("/models", Authorization=wrong).status, 401, wrong)
        for right in ["Bearer " + key, "bearer " + key, "Bearer " + other]:
            equal(server.get("/models", Authorization=right).status, 200, right[:10])
        for path in ["/health", "/openapi.json", "/"]:
            equal(server.get(path).status, 200, path)
        for path in ["/status", "/metrics", "/jobs", "/v1/models", "/nowhere"]:
            equal(server.get(path).status, 401, path)
        equal(server.form("/transcribe", [], [("file", ("a.wav", b"x"))]).status, 401, "upload")
        listed = keys(program, server.data, "list")
        assert "one" in listed and key not in listed, listed
        assert "never" not in listed.split("\n")[0], listed
        for stored in Path(server.data).rglob("*"):
            assert stored.is_dir() or key.encode() not in stored.read_bytes(), f"in {stored}"
        keys(program, server.data, "remove", "one")
        time.sleep(1.1)
        equal(server.get("/models", Authorization="Bearer " + key).status, 401, "removed")
        equal(server.get("/models", Authorization="Bearer " + other).status, 200, "the other")
        assert key not in server.log and "earer" not in server.log, server.log


@check
def warns_when_open_to_all(program):
    """Listening for others without keys is said; with a key it is not."""
    with Watched(program, host="0.0.0.0") as server:
        assert "no API keys" in server.log, server.log
    with tempfile.TemporaryDirectory() as folder:
        keys(program, folder, "add", "one")
        with Watched(program, "--data_dir", folder, host="0.0.0.0") as server:
            assert "no API keys" not in server.log, server.log


@check
def rate_limit(program):
    """More than so many a minute: 429, Retry-After, and room again later; the open routes stay."""
    with Watched(program, rate_limit_rpm=60) as server:
        statuses = [server.get("/models").status for _ in range(62)]
        equal(statuses[:60], [200] * 60, "in the bucket")
        assert statuses[61] == 429, statuses
        reply = server.get("/models")
        equal((reply.status, reply.error()["code"]), (429, "rate_limit_exceeded"), "over")
        equal(reply.headers["Retry-After"], "1", "Retry-After")
        equal(reply.headers["X-RateLimit-Limit-Requests"], "60", "limit")
        equal(server.get("/health").status, 200, "open route")
        time.sleep(1.2)
        equal(server.get("/models").status, 200, "a token later")


@check
def rate_limit_of_keys(program):
    """Each key has its own bucket; guesses have the address's."""
    with tempfile.TemporaryDirectory() as folder:
        one, two = (keys(program, folder, "add", name) for name in ("one", "two"))
        with Watched(program, "--data_dir", folder, rate_limit_rpm=3) as server:
            def status(key):
                return server.get("/models", Authorization="Bearer " + key).status
            equal([status(one) for _ in range(4)], [200, 200, 200, 429], "one")
            equal([status(two) for _ in range(2)], [200, 200], "two")
            equal([status("guess") for _ in range(5)], [401, 401, 401, 429, 429], "guesses")
            equal(status(two), 200, "guesses cost others nothing")


@check
def pages_of_others(program):
    """CORS with preflight for those listed; others may not make the browser act."""
    with Watched(program, cors_origins="https://a.example, http://b.example:8080") as server:
        asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "authorization, x-stainless-lang"}
        reply = server.request("OPTIONS", "/v1/audio/transcriptions", None, asked)
        equal(reply.status, 204, "preflight")
        equal(reply.headers["Access-Control-Allow-Origin"], "https://a.example", "origin")
        equal(reply.headers["Access-Control-Allow-Headers"], "authorization, x-stainless-lang",
              "headers")
        assert "POST" in reply.headers["Access-Control-Allow-Methods"], reply.headers
        assert "Origin" in reply.headers["Vary"], reply.headers
        reply = server.get("/models", Origin="http://b.example:8080")
        equal(reply.headers["Access-Control-Allow-Origin"], "http://b.example:8080", "simple")
        for origin in ["https://evil.example", "https://a.example.evil.example", "null",
                       "http://a.example"]:
            reply = server.get("/models", Origin=origin)
            equal(reply.headers["Access-Control-Allow-Origin"], None, origin)
            assert "Origin" in reply.headers["Vary"], reply.headers
        reply = server.request("POST", "/transcribe", None,
                               {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
        equal((reply.status, reply.error()["code"]), (403, "origin_not_allowed"), "a form")
        for site, origin in [("same-origin", "http://localhost"), ("none", None),
                             ("cross-site", "https://a.example")]:
            headers = {"Sec-Fetch-Site": site, **({"Origin": origin} if origin else {})}
            equal(server.request("POST", "/transcribe", None, headers).status, 400, site)
        for host, status in [("localhost:1", 200), ("127.0.0.1", 200), ("[::1]:9004", 200),
                             ("amanuensis", 200), ("host.docker.internal:9004", 200),
                             ("a.example", 200), ("evil.example:9004", 403),
                             ("127.0.0.1.evil.example", 403)]:
            equal(server.get("/models", Host=host).status, status, f"Host {host}")
    with Watched(program, cors_origins="*") as server:
        reply = server.get("/models", Origin="https://any.example")
        equal(reply.headers["Access-Control-Allow-Origin"], "*", "any")


@check
def headers_of_safety(program):
    """On data, on errors, on the page."""
    with Watched(program) as server:
        for path in ["/models", "/nowhere", "/", "/health"]:
            headers = server.get(path).headers
            equal(headers["X-Content-Type-Options"], "nosniff", path)
            equal(headers["Referrer-Policy"], "no-referrer", path)
            equal(len(headers.get_all("Content-Security-Policy")), 1, path)
            policy = headers["Content-Security-Policy"]
            equal("default-src 'self'" if path == "/" else "default-src 'none'",
                  policy.split(";")[0], path)


@check
def configuration_file(program):
    """Flags go before variables, those before the file; the example is the table's."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "own.conf")
        config.write_text("[amanuensis]\nmax_queue = 7\nmax_active = 5\nmax_uploads = 4\n"
                          f"model = {harness.english_model()}\ncors_origins = https://a.example,\n"
                          "   https://b.example\n")
        with Watched(program, "--max_active", "3", config=config) as server:
            queue = server.get("/status").json()["queue"]
            equal((queue["max_active"], queue["max_queue"]), (3, 7), "limits")
            equal(server.get("/models", Origin="https://b.example")
                  .headers["Access-Control-Allow-Origin"], "https://b.example", "indented line")
        Path(folder, "all.conf").write_text(re.sub(r"(?m)^#(\w+ = .)", r"\1", CODES.read_text()))
        with Watched(program, config=Path(folder, "all.conf")) as server:
            equal(server.get("/health").status, 200, "the example, with nothing commented out")
    printed = subprocess.run([program, "help", "--as", "conf"], capture_output=True, text=True,
                             check=True).stdout
    equal(CODES.read_text(), printed, "data/amanuensis.conf is `amanuensis help --as conf`")


@check
def metrics(program):
    """What is counted is right, and Prometheus' own parser reads it."""
    from prometheus_client.parser import text_string_to_metric_families
    with Watched(program) as server:
        for _ in range(3):
            server.get("/models")
        server.get("/nowhere")
        sound = harness.recording()
        if sound is not None:
            equal(server.form("/transcribe", [], [("file", sound)]).status, 200, "transcribe")
        server.form("/transcribe", [], [("file", ("a.wav", b"no audio"))])
        if sound is not None:
            equal(server.form("/jobs", [], [("file", sound)]).status, 202, "a job")
            until = time.monotonic() + 60
            while server.get("/jobs?status=done").json()["total"] < 1:
                assert time.monotonic() < until, "the job is not done"
                time.sleep(0.1)
        time.sleep(0.1)
        reply = server.get("/metrics")
        assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4"), reply.headers
        samples, types = {}, {}
        for family in text_string_to_metric_families(reply.text):
            types[family.name] = family.type
            assert family.documentation and family.type != "unknown", family.name
            for sample in family.samples:
                labels = tuple(sorted(sample.labels.items()))
                assert (sample.name, labels) not in samples, f"twice: {sample.name} {labels}"
                samples[sample.name, labels] = sample.value
        def value(name, **labels):
            return samples[name, tuple(sorted(labels.items()))]
        counted = "amanuensis_http_requests_total"
        equal(value(counted, method="GET", route="/models", status="200"), 3, "/models")
        equal(value(counted, method="", route="", status="404"), 1, "no route")
        equal(value(counted, method="POST", route="/transcribe", status="400"), 1, "400")
        spent = "amanuensis_http_request_duration_seconds"
        equal(value(spent + "_count", method="GET", route="/models"), 3, "histogram")
        equal(value(spent + "_bucket", method="GET", route="/models", le="+Inf"), 3, "last bucket")
        buckets = [v for (name, labels), v in samples.items()
                   if name == spent + "_bucket" and ("route", "/models") in labels]
        equal(buckets, sorted(buckets), "buckets grow")
        if sound is not None:
            equal(value("amanuensis_transcriptions_total", outcome="done"), 2, "done")
            equal(value("amanuensis_jobs", status="done"), 1, "jobs that are done")
            assert value("amanuensis_audio_seconds_total") > 1
            assert value("amanuensis_processing_seconds_total") > 0
            assert value("amanuensis_http_received_bytes_total") > len(sound[1])
        for status in ["queued", "running", "failed", "cancelled"]:
            equal(value("amanuensis_jobs", status=status), 0, status)
        equal(value("amanuensis_jobs_queued_audio_seconds"), 0, "audio of queued jobs")
        equal(value("amanuensis_models_loaded"), 1, "models")
        for name in ["process_resident_memory_bytes", "process_cpu_seconds_total",
                     "amanuensis_uptime_seconds", "process_open_fds", "amanuensis_threads",
                     "amanuensis_http_connections"]:
            assert value(name) > 0, name
        for name in ["amanuensis_queue_active", "amanuensis_queue_waiting"]:
            equal(value(name), 0, name)
        equal(types["amanuensis_http_requests"], "counter", "type")
        equal(value("amanuensis_http_requests_in_progress"), 1, "this one")


if __name__ == "__main__":
    harness.need_packages("metrics")
    harness.need_speech()
    sys.exit(harness.run("admission", sys.argv[1]))
