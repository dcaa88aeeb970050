"""What schemathesis cannot make up: speech for the forms, and the id of a job that is there.

Loaded by test_schema.py by way of SCHEMATHESIS_HOOKS. Only fuzzed requests get them, and of these
every other one, so that bytes that are no audio and ids of nothing are sent too.
"""
import os
from pathlib import Path

import schemathesis

SPEECH = Path(os.environ["SPEECH"]).read_bytes()
JOB = os.environ["JOB"]
COUNT = {"cases": 0}


@schemathesis.hook
def before_call(_, case, __):
    """Every other fuzzed case reaches what lies behind the first look at it."""
    if case.meta is None or case.meta.phase.name.value != "fuzzing":
        return
    COUNT["cases"] += 1
    if COUNT["cases"] % 2 == 0:
        return
    if isinstance(case.body, dict):
        for name in ("file", "audio_file"):
            if name in case.body and case.media_type == "multipart/form-data":
                case.body[name] = SPEECH
    if case.path.startswith("/jobs/") and isinstance(case.path_parameters, dict):
        case.path_parameters["id"] = JOB
