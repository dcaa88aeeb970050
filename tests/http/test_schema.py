#!/usr/bin/env python3
"""Schemathesis on /openapi.json: whatever a request holds, no answer is a 5xx, and every answer is
of the type and the schema that the document promises.

    test_schema.py PROGRAM MAKE_MODEL
"""
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import HERE, Server, need_packages, need_speech, recording

need_speech()
need_packages("schemathesis")

# Answers are not looked at, so the weights are random and the texts short.
FAST = ["--mode", "sequential", "--beam_size", "1", "--temperature_increment_on_fallback", "None",
        "--max_new_tokens", "8"]
CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance"
# Routes of which at least one request must have been good all the way.
REACHED = ("/transcribe", "/asr", "/inference", "/v1/audio/transcriptions", r"/jobs/\S+/result")
EXAMPLES = 20
SEED = 1


def finished_job(server):
    """The id of a job that is done."""
    reply = server.form("/jobs", [], [("file", recording())])
    assert reply.status == 202, reply.body
    job = reply.json()["jobs"][0]
    end = time.monotonic() + 60
    while job["status"] != "done":
        assert time.monotonic() < end and job["status"] in ("queued", "running"), job
        time.sleep(0.05)
        job = server.request("GET", f"/jobs/{job['id']}").json()
    return job["id"]


def main():
    program, make_model = (str(Path(argument).resolve()) for argument in sys.argv[1:3])
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([make_model, f"{folder}/model", "multilingual"], check=True)
        speech = Path(folder, "speech")
        speech.write_bytes(recording()[1])
        with Server(program, "--model", f"{folder}/model", *FAST) as server:
            environment = os.environ | {"PYTHONPATH": str(HERE), "SPEECH": str(speech),
                                        "SCHEMATHESIS_HOOKS": "schema_hooks",
                                        "JOB": finished_job(server)}
            # Deleting would take the job away; the events of all jobs have no end.
            code = subprocess.run(
                [Path(sys.executable).with_name("schemathesis"), "run",
                 server.url + "/openapi.json", "--checks", CHECKS, "--max-examples", str(EXAMPLES),
                 "--seed", str(SEED), "--phases", "coverage,fuzzing", "--exclude-path",
                 "/jobs/events", "--exclude-method", "DELETE", "--suppress-health-check", "all",
                 "--request-timeout", "60", "--continue-on-failure", "--warnings", "off",
                 "--generation-database", "none", "--no-color"],
                env=environment, cwd=folder, check=False).returncode
            log = b"".join(server.errors).decode()
            for path in REACHED:
                n_good = len(re.findall(rf" (?:GET|POST|PUT) {path} 20\d ", log))
                print(f"{path}: {n_good} requests went through")
                code = code or (0 if n_good else 1)
            return code


if __name__ == "__main__":
    sys.exit(main())
