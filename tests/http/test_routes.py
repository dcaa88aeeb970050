#!/usr/bin/env python3
"""The server's transcribing routes over a bare socket: shapes, formats, fields, errors.

    test_routes.py PROGRAM MAKE_MODEL
"""
import base64
import io
import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
import zipfile
from html.parser import HTMLParser
from pathlib import Path

from harness import Server, check, english_model, need_speech, recording, run

V1 = "/v1/audio/transcriptions"
FORMAT_TYPES = {"json": "application/json", "verbose_json": "application/json",
                "text": "text/plain", "srt": "application/x-subrip", "vtt": "text/vtt",
                "tsv": "text/tab-separated-values", "csv": "text/csv", "lrc": "text/plain",
                "html": "text/html", "docx": "application/vnd.openxmlformats-officedocument."
                                             "wordprocessingml.document"}
ENGLISH_TEXT_TOKENS = 50256
# What random weights must not take long over.
FAST = ["--mode", "sequential", "--beam_size", "1", "--temperature_increment_on_fallback", "None",
        "--max_new_tokens", "8"]


class Context:
    """One server, the recording, and what the server makes of it."""

    def __init__(self, server, make_model):
        self.server = server
        self.make_model = make_model
        self.clip = recording()
        self.whole = self.native().json()
        assert self.whole["text"].strip() == self.whole["text"] != "", self.whole

    def native(self, *fields):
        return self.server.form("/transcribe", fields, [("file", self.clip)])

    def openai(self, *fields, path=V1):
        return self.server.form(path, [("model", "whisper-1"), *fields], [("file", self.clip)])


def assert_times(segments, duration):
    last = 0.0
    for segment in segments:
        assert 0 <= last <= segment["start"] <= segment["end"] <= duration + 0.1, segment
        last = segment["start"]


@check
def native_json(c):
    assert set(c.whole) == {"text", "language", "language_probability", "duration",
                            "processing_time", "real_time_factor", "model", "device", "segments"}
    assert c.whole["language"] == "en" and c.whole["duration"] > 1
    assert "".join(s["text"] for s in c.whole["segments"]).replace(" ", "") \
        == c.whole["text"].replace(" ", "")
    assert_times(c.whole["segments"], c.whole["duration"])


@check
def native_formats(c):
    for name, kind in FORMAT_TYPES.items():
        reply = c.native(("response_format", name))
        assert reply.status == 200, (name, reply.body)
        assert reply.headers["Content-Type"].split(";")[0] == kind, (name, reply.headers)
        assert len(reply.body) > 20, name
        assert reply.headers["X-Job-ID"] and reply.headers["X-Request-ID"]
    reply = c.native(("response_format", "pdf"))
    assert reply.status == 400 and reply.error()["param"] == "response_format"


@check
def docx_is_a_document(c):
    first = c.native(("response_format", "docx")).body
    archive = zipfile.ZipFile(io.BytesIO(first))
    assert archive.testzip() is None
    assert archive.namelist() == ["[Content_Types].xml", "_rels/.rels", "word/document.xml"]
    trees = [xml.etree.ElementTree.fromstring(archive.read(name)) for name in archive.namelist()]
    said = "".join(trees[2].itertext())
    for segment in c.whole["segments"]:
        assert segment["text"].strip() in said, said
    assert first == c.native(("response_format", "docx")).body


@check
def html_is_a_page(c):
    class Reader(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.said, self.titles = [], [], 0

        def handle_starttag(self, tag, attributes):
            if tag != "meta":
                self.open.append(tag)
            self.titles += tag == "span" and "title" in dict(attributes)

        def handle_endtag(self, tag):
            assert self.open.pop() == tag, tag

        def handle_data(self, data):
            if "p" in self.open and "time" not in self.open:
                self.said.append(data)

    reader = Reader()
    reader.feed(c.native(("response_format", "html"), ("word_timestamps", "true")).text)
    words = "".join(reader.said).split()
    assert not reader.open and words == c.whole["text"].split(), words
    assert reader.titles == len(words)


@check
def json_body(c):
    encoded = base64.b64encode(c.clip[1]).decode()
    for audio in (encoded, f"data:audio/flac;base64,{encoded}"):
        reply = c.server.request("POST", "/transcribe", json.dumps({"audio": audio}),
                                 {"Content-Type": "application/json"})
        assert reply.status == 200 and reply.json()["text"] == c.whole["text"], reply.body


@check
def speakers_are_refused(c):
    for fields in ([("diarize", "true")],):
        reply = c.native(*fields)
        assert reply.status == 400 and "speakers" in reply.error()["message"], reply.body
    assert c.native(("diarize", "false")).status == 200


@check
def request_ids(c):
    reply = c.server.request("GET", "/models", headers={"X-Request-ID": "mine-1"})
    assert reply.headers["X-Request-ID"] == "mine-1"
    reply = c.server.request("GET", "/models", headers={"X-Request-ID": "x" * 200})
    assert reply.headers["X-Request-ID"] != "x" * 200


@check
def openai_json(c):
    reply = c.openai()
    body = reply.json()
    assert reply.status == 200 and body["text"] == c.whole["text"]
    assert body["usage"] == {"type": "duration", "seconds": c.whole["duration"]}
    assert body["languages"] == [{"code": "en"}]
    assert c.openai(("response_format", "text")).text == c.whole["text"] + "\n"


@check
def openai_granularities(c):
    """Lists come as key[] again and again, as key, and as JSON."""
    verbose = ("response_format", "verbose_json")
    key = "timestamp_granularities"
    for fields, words, segments in (
            ([], False, True), ([(key + "[]", "segment")], False, True),
            ([(key + "[]", "word")], True, False), ([(key, "word")], True, False),
            ([(key + "[]", "word"), (key + "[]", "segment")], True, True),
            ([(key, '["word", "segment"]')], True, True),
            ([(key + "[0]", "word"), (key + "[1]", "segment")], True, True),
            ([(key, "word,segment")], True, True)):
        body = c.openai(verbose, *fields).json()
        assert ("words" in body, "segments" in body) == (words, segments), fields
        if words:
            assert_times(body["words"], body["duration"])
            plain = [re.sub(r"^\W+|\W+$", "", word) for word in body["text"].split()]
            assert [word["word"] for word in body["words"]] == plain, body["words"]
    for fields in ([(key + "[]", "word")], [(key + "[]", "letter"), verbose]):
        reply = c.openai(*fields)
        assert reply.status == 400 and reply.error()["param"] == key, reply.body


@check
def openai_stream(c):
    reply = c.openai(("stream", "true"))
    assert reply.headers["Content-Type"] == "text/event-stream"
    lines = reply.text.split("\n\n")
    assert lines.pop() == "" and all(line.startswith("data: ") for line in lines), lines
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    assert [e["type"] for e in events[-1:]] == ["transcript.text.done"]
    deltas = [e["delta"] for e in events[:-1]]
    assert {e["type"] for e in events[:-1]} == {"transcript.text.delta"}
    assert "".join(deltas) == events[-1]["text"] == c.whole["text"]
    usage = events[-1]["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    broken = c.server.form(V1, [("stream", "true")], [("file", ("x.wav", b"no audio" * 99))])
    assert broken.status == 400 and broken.error()["param"] == "file", broken.body


def spelled(logprobs):
    """The text of a list of tokens; what is to be read of each is what its bytes say."""
    for token in logprobs:
        own = bytes(token["bytes"])
        assert token["token"].replace("\ufffd", "") == own.decode("utf-8", "ignore"), token
        assert set(token) == {"token", "logprob", "bytes"} and -99 < token["logprob"] <= 0, token
    return b"".join(bytes(token["bytes"]) for token in logprobs).decode("utf-8", "replace")


@check
def openai_logprobs(c):
    """One for each token of the text, whole and streamed; timestamps are no text."""
    verbose = c.openai(("response_format", "verbose_json")).json()
    tokens = [token for segment in verbose["segments"] for token in segment["tokens"]]
    for field in (("include[]", "logprobs"), ("include", '["logprobs"]')):
        whole = c.openai(field).json()
        assert spelled(whole["logprobs"]).strip() == whole["text"] == c.whole["text"]
        assert len(whole["logprobs"]) == sum(token < ENGLISH_TEXT_TOKENS for token in tokens)
    assert len(whole["logprobs"]) < len(tokens)
    assert len({token["logprob"] for token in whole["logprobs"]}) > 5
    assert "logprobs" not in c.openai(("response_format", "json")).json()
    lines = c.openai(("stream", "true"), field).text.split("\n\n")[:-1]
    events = [json.loads(line.removeprefix("data: ")) for line in lines]
    for event in events[:-1]:
        assert spelled(event["logprobs"]).strip() == event["delta"].strip(), event
    assert [t for event in events[:-1] for t in event["logprobs"]] == whole["logprobs"]
    assert events[-1]["logprobs"] == whole["logprobs"]
    for fields in ([("response_format", kind)] for kind in ("text", "srt", "vtt", "verbose_json")):
        reply = c.openai(field, *fields)
        assert reply.status == 400 and reply.error()["param"] == "include", reply.body
    reply = c.openai(field, path="/v1/audio/translations")
    assert reply.status == 400 and reply.error()["param"] == "include", reply.body


@check
def openai_refusals(c):
    """Each of these is the client's fault, in OpenAI's shape, with the field's name."""
    for param, fields in {
            "response_format": [("response_format", "xml")],
            "include": [("include[]", "words")],
            "stream": [("stream", "perhaps")],
            "chunking_strategy": [("chunking_strategy", '{"type": "magic"}')],
            "languages": [("languages[]", "klingon"), ("languages[]", "en")],
            "known_speaker_names": [("known_speaker_names[]", "Ann")],
            "temperature": [("temperature", "hot")],
            "language": [("language", "xx")],
            "beam_size": [("beam_size", "99")]}.items():
        reply = c.openai(*fields)
        assert reply.status == 400 and reply.error()["param"] == param, (param, reply.body)
        assert reply.error()["type"] == "invalid_request_error"
    reply = c.openai(("response_format", "diarized_json"))
    assert reply.status == 400 and "speakers" in reply.error()["message"]
    reply = c.openai(("stream", "true"), ("response_format", "srt"))
    assert reply.status == 400 and reply.error()["param"] == "stream"
    assert c.server.form(V1).error()["param"] == "file"
    assert c.server.form(V1, [], [("file", ("a.wav", b""))]).error()["param"] == "file"
    assert c.server.request("POST", V1, b"{}", {"Content-Type": "text/plain"}).status == 415
    assert c.server.request("DELETE", "/models").status == 405
    assert c.server.request("GET", "/nothing").error()["code"] == "not_found"


@check
def openai_model_names(c):
    asked = "/v1/models/Systran/faster-whisper-tiny.en"
    listed = c.server.request("GET", "/v1/models").json()
    assert listed["object"] == "list" and listed["data"][0]["created"] > 1e9, listed
    for path in (asked, asked.replace("/faster", "%2Ffaster"), "/v1/models/whisper-1"):
        model = c.server.request("GET", path).json()
        assert model["object"] == "model" and asked.endswith(model["id"].split("/")[-1]) \
            or model["id"] == "whisper-1", model
    reply = c.server.request("GET", "/v1/models/no/such")
    assert reply.status == 404 and reply.error()["code"] == "model_not_found"
    reply = c.server.form(V1, [("model", "no-such")], [("file", c.clip)])
    assert reply.status == 404 and reply.error()["code"] == "model_not_found"
    reply = c.openai(("model", "../models/base"))
    assert reply.status == 404, reply.body


@check
def unknown_fields_are_named(c):
    reply = c.openai(("magic", "1"), ("more[]", "2"), ("bad\u00fc", "3"), ("prompt", "Hello."))
    assert reply.status == 200 and reply.headers["X-Ignored-Fields"] == "magic, more[]"
    assert c.openai(("keywords[]", "Dedalus"), ("chunking_strategy[type]", "server_vad"),
                    ("chunking_strategy[threshold]", "0.4")).headers["X-Ignored-Fields"] is None


@check
def english_only_models_do_not_translate(c):
    reply = c.openai(path="/v1/audio/translations")
    assert reply.status == 400 and reply.error()["param"] == "model", reply.body
    assert "English-only" in reply.error()["message"]
    assert c.native(("task", "translate")).status == 400
    assert c.openai(("language", "fr")).status == 400


@check
def multilingual_models_do(c):
    """Shapes alone: the weights are random."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([c.make_model, folder, "multilingual"], check=True)
        with Server(c.server.program, "--model", folder, *FAST) as server:
            files = [("file", c.clip)]
            for kind in ("json", "text", "srt", "verbose_json", "vtt"):
                reply = server.form("/v1/audio/translations", [("response_format", kind)], files)
                assert reply.status == 200, reply.body
                if kind == "verbose_json":
                    assert reply.json()["language"] == "english", reply.body
                    assert reply.json()["task"] == "translate"
            both = [("languages[]", "de"), ("languages[]", "fr")]
            found = server.form(V1, both, files).json()["languages"]
            assert found in ([{"code": "de"}], [{"code": "fr"}]), found
            one = server.form(V1, [("languages", '["it"]')], files).json()["languages"]
            assert one == [{"code": "it"}], one
            cut = server.form(V1, [("include[]", "logprobs"), ("language", "en")], files).json()
            assert spelled(cut["logprobs"]).lstrip(" ") == cut["text"], cut
            assert any("\ufffd" in token["token"] for token in cut["logprobs"]), cut
            found = server.form("/detect-language", [], [("audio_file", c.clip)]).json()
            assert set(found) == {"detected_language", "language_code", "confidence"}
            assert 0 < found["confidence"] <= 1, found


@check
def asr_webservice(c):
    files = [("audio_file", ("a\"b.wav", c.clip[1]))]
    for output, begin in (("txt", ""), ("srt", "1\n00:00:0"), ("vtt", "WEBVTT"),
                          ("tsv", "start\tend\ttext")):
        reply = c.server.form(f"/asr?task=transcribe&output={output}&encode=true", [], files)
        assert reply.status == 200 and reply.text.startswith(begin), reply.body
        assert reply.headers["Asr-Engine"] and reply.headers["Content-Type"].startswith("text/")
        assert reply.headers["Content-Disposition"].endswith(f'.{output}"'), reply.headers
    body = c.server.form("/asr?output=json&word_timestamps=true", [], files).json()
    assert set(body) == {"text", "segments", "language"}
    assert body["segments"][0]["words"][0]["word"].startswith(" ")
    assert c.server.form("/asr?output=pdf", [], files).error()["param"] == "output"
    pcm = subprocess.run(["ffmpeg", "-v", "error", "-i", "-", "-f", "s16le", "-ac", "1", "-ar",
                          "16000", "-"], input=c.clip[1], stdout=subprocess.PIPE, check=True)
    reply = c.server.form("/asr?encode=false", [], [("audio_file", ("x", pcm.stdout))])
    assert reply.text.split() == c.whole["text"].split(), reply.body
    reply = c.server.form("/detect-language", [], files)
    assert reply.status == 400 and "English-only" in reply.error()["message"]


@check
def whisper_cpp(c):
    def ask(*fields):
        return c.server.form("/inference", fields, [("file", c.clip)])

    defaults = [("temperature", "0.0"), ("temperature_inc", "0.0"), ("beam_size", "-1"),
                ("best_of", "0"), ("max_len", "0"), ("translate", "false"), ("offset_t", "0")]
    assert set(ask(*defaults).json()) == {"text"}
    assert ask().json()["text"] == c.whole["text"]
    verbose = ask(("response_format", "verbose_json"), ("language", "en")).json()
    assert verbose["detected_language"] == "english" and verbose["segments"][0]["words"]
    later = ask(("offset_t", "1000"), ("response_format", "verbose_json")).json()["segments"]
    assert later[0]["start"] > verbose["segments"][0]["start"], later
    assert ask(("translate", "true")).status == 400
    assert ask(("offset_t", "-5")).error()["param"] == "offset_t"


@check
def openapi_document(c):
    """Every reference leads somewhere; every documented option is there with its bounds."""
    text = c.server.request("GET", "/openapi.json").text
    document = json.loads(text)
    schemas = document["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert name in schemas, name
    assert document["openapi"] == "3.1.0" and "/v1/audio/transcriptions" in document["paths"]
    beams = schemas["TranscribeRequest"]["properties"]["beam_size"]
    assert (beams["type"], beams["minimum"], beams["maximum"]) == ("integer", 1, 16), beams
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["responses"]["default"], (path, method)
            if path.endswith("/events"):
                continue  # has no end
            asked = c.server.request(method.upper(), path.replace("{id}", "none"))
            assert asked.status not in (404, 405, 500) or "{id}" in path, (path, method)


def main():
    program, make_model = (str(Path(argument).resolve()) for argument in sys.argv[1:3])
    need_speech()
    with Server(program, "--model", english_model()) as server:
        return run("routes", Context(server, make_model))


if __name__ == "__main__":
    sys.exit(main())
