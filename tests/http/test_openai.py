#!/usr/bin/env python3
"""OpenAI's own Python client against the server, every answer judged by OpenAI's published schema.

    test_openai.py PROGRAM MAKE_MODEL

Whoever lacks the shared data, where the schema is, has the shapes checked by the client's types
alone.
"""
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from harness import (Server, Skipped, check, english_model, long_recording, need_packages,
                     need_speech, recording, run, shared_folder)

need_speech()
need_packages("http")

import jsonschema  # noqa: E402  (only there from here on)
import openai  # noqa: E402
import srt  # noqa: E402
import webvtt  # noqa: E402
from openapi_spec_validator import validate as validate_openapi  # noqa: E402

FAST = ["--mode", "sequential", "--beam_size", "1", "--temperature_increment_on_fallback", "None",
        "--max_new_tokens", "8"]
EVENTS = {"transcript.text.delta": "TranscriptTextDeltaEvent",
          "transcript.text.done": "TranscriptTextDoneEvent"}


def published_schemas():
    """OpenAI's document, or None."""
    path = shared_folder() / "openai" / "audio.openapi.json" if shared_folder() else None
    return json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else None


PUBLISHED = published_schemas()


def judge(body, name):
    """Fails when the body is not what OpenAI's document says."""
    if PUBLISHED is None:
        return
    schema = {"$ref": f"#/components/schemas/{name}", "components": PUBLISHED["components"]}
    jsonschema.Draft202012Validator(schema).validate(body)


class Context:
    """A server, its client, and a recording of which the text is known."""

    def __init__(self, server, program, make_model):
        self.server, self.program, self.make_model = server, program, make_model
        self.clip = recording()
        self.client = self.client_of(server)
        self.text = self.transcribe().text
        assert self.text

    @staticmethod
    def client_of(server, kind=openai.OpenAI, **options):
        return kind(base_url=server.url + "/v1", api_key="none", max_retries=0, **options)

    def transcribe(self, client=None, **options):
        audio = (client or self.client).audio
        return audio.transcriptions.create(file=options.pop("file", self.clip),
                                           model=options.pop("model", "whisper-1"), **options)

    def raw(self, **options):
        """(parsed by the client, the JSON it was)."""
        reply = self.client.audio.transcriptions.with_raw_response.create(
            file=self.clip, model=options.pop("model", "whisper-1"), **options)
        return reply.parse(), json.loads(reply.text)

    def refusal(self, kind, client=None, **options):
        """The error that the client raises, whose body is judged."""
        try:
            self.transcribe(client, **options)
        except kind as error:
            judge({"error": error.body}, "ErrorResponse")
            assert error.request_id
            return error
        raise AssertionError(f"no {kind.__name__} with {options}")


# ---- Formats ---------------------------------------------------------------------------------

@check
def six_formats(c):
    parsed, body = c.raw()
    judge(body, "CreateTranscriptionResponseJson")
    assert type(parsed).__name__ == "Transcription" and parsed.usage.type == "duration"
    parsed, body = c.raw(response_format="json")
    assert parsed.text == c.text
    parsed, body = c.raw(response_format="verbose_json")
    judge(body, "CreateTranscriptionResponseVerboseJson")
    assert type(parsed).__name__ == "TranscriptionVerbose"
    assert parsed.text == c.text and parsed.language == "english" and parsed.duration > 1
    assert "".join(segment.text for segment in parsed.segments).strip() == c.text
    assert c.transcribe(response_format="text") == c.text + "\n"
    subtitles = list(srt.parse(c.transcribe(response_format="srt"), ignore_errors=False))
    captions = webvtt.from_string(c.transcribe(response_format="vtt"))
    for found in ([s.content for s in subtitles], [s.text for s in captions]):
        assert " ".join(found).split() == c.text.split(), found
    assert all(s.start < s.end for s in subtitles) and all(s.start < s.end for s in captions)
    error = c.refusal(openai.BadRequestError, response_format="diarized_json")
    assert error.param == "response_format" and "speakers" in error.message


@check
def timestamp_granularities(c):
    for wanted, words, segments in ((None, False, True), (["segment"], False, True),
                                    (["word"], True, False), (["word", "segment"], True, True)):
        options = {"timestamp_granularities": wanted} if wanted else {}
        parsed, body = c.raw(response_format="verbose_json", **options)
        judge(body, "CreateTranscriptionResponseVerboseJson")
        assert (bool(parsed.words), bool(parsed.segments)) == (words, segments), wanted
    c.refusal(openai.BadRequestError, response_format="json", timestamp_granularities=["word"])
    assert c.transcribe(timestamp_granularities=["segment"]).text == c.text


@check
def stream(c):
    reply = c.client.audio.transcriptions.with_raw_response.create(
        file=c.clip, model="gpt-4o-transcribe", stream=True)
    assert reply.headers["content-type"] == "text/event-stream"
    events = list(c.transcribe(stream=True, model="gpt-4o-transcribe"))
    for event in events:
        judge(event.to_dict(), EVENTS[event.type])
    assert "".join(event.delta for event in events[:-1]) == events[-1].text == c.text
    assert events[-1].usage.output_tokens > 0


@check
def stream_of_a_long_recording(c):
    clip = long_recording(c.clip, 2)
    events = list(c.transcribe(file=clip, stream=True, language="en"))
    for event in events:
        judge(event.to_dict(), EVENTS[event.type])
    assert len(events) > 5
    assert "".join(event.delta for event in events[:-1]) == events[-1].text \
        == c.transcribe(file=clip, language="en").text


@check
def stream_that_breaks(c):
    """A server that is told to stop: what was said stays said, and the client gets an error."""
    clip = long_recording(c.clip, 20)
    with Server(c.program, "--model", english_model(), "--mode", "sequential", "--drain_s",
                "0") as server:
        said = []
        try:
            for event in c.transcribe(c.client_of(server), file=clip, stream=True):
                said.append(event)
                if len(said) == 1:
                    server.tell_to_stop()
            raise AssertionError(f"no error after {len(said)} events")
        except openai.APIError as error:
            assert said and "cancelled" in error.message, error


# ---- Fields ----------------------------------------------------------------------------------

@check
def include_logprobs(c):
    parsed, body = c.raw(include=["logprobs"], model="gpt-4o-transcribe")
    judge(body, "CreateTranscriptionResponseJson")
    assert "".join(own.token for own in parsed.logprobs).strip() == parsed.text == c.text
    assert all(own.logprob <= 0 and bytes(map(int, own.bytes)).decode() == own.token
               for own in parsed.logprobs)
    events = list(c.transcribe(stream=True, include=["logprobs"]))
    for event in events:
        judge(event.to_dict(), EVENTS[event.type])
    assert [own.logprob for own in events[-1].logprobs] \
        == [own.logprob for own in parsed.logprobs]
    assert sum(len(event.logprobs) for event in events[:-1]) == len(parsed.logprobs)
    for kind in ("verbose_json", "text", "srt"):
        error = c.refusal(openai.BadRequestError, include=["logprobs"], response_format=kind)
        assert error.param == "include" and "json" in error.message


@check
def chunking_strategy(c):
    assert c.transcribe(chunking_strategy="auto").text == c.text
    own = {"type": "server_vad", "threshold": 0.4, "silence_duration_ms": 300,
           "prefix_padding_ms": 200}
    assert c.transcribe(chunking_strategy=own).text
    strict = dict(own, threshold=0.999, prefix_padding_ms=0)
    assert len(c.transcribe(chunking_strategy=strict).text) < len(c.text) + 5
    c.refusal(openai.BadRequestError, chunking_strategy=dict(own, threshold=7))


@check
def languages_and_keywords(c):
    assert c.transcribe(languages=["en"]).text == c.text
    assert c.transcribe(extra_body={"languages": ["en"]}).text == c.text
    assert c.transcribe(keywords=["Dedalus", "belly"]).text
    assert c.transcribe(extra_body={"keywords": ["Dedalus"], "unheard_of": 1}).text
    c.refusal(openai.BadRequestError, languages=["fr"])
    c.refusal(openai.BadRequestError, language="klingon")


@check
def known_speakers(c):
    error = c.refusal(openai.BadRequestError, model="gpt-4o-transcribe-diarize",
                      known_speaker_names=["Ann"],
                      known_speaker_references=["data:audio/wav;base64,UklGRg=="])
    assert "speakers" in error.message


@check
def prompt_and_temperature(c):
    assert c.transcribe(prompt="A novel.", temperature=0.0, language="en").text
    c.refusal(openai.BadRequestError, temperature=3)


# ---- Translations and models -----------------------------------------------------------------

@check
def translations(c):
    """An English-only model says why not; of random weights a multilingual one, shapes alone."""
    try:
        c.client.audio.translations.create(file=c.clip, model="whisper-1")
        raise AssertionError("tiny.en translates")
    except openai.BadRequestError as error:
        assert error.param == "model" and "English-only" in error.message
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([c.make_model, folder, "multilingual"], check=True)
        with Server(c.program, "--model", folder, *FAST) as server:
            create = c.client_of(server).audio.translations.with_raw_response.create
            for kind in ("json", "verbose_json", "text", "srt", "vtt"):
                reply = create(file=c.clip, model="whisper-1", response_format=kind)
                if kind == "json":
                    judge(json.loads(reply.text), "CreateTranslationResponseJson")
                elif kind == "verbose_json":
                    judge(json.loads(reply.text), "CreateTranslationResponseVerboseJson")
                    assert reply.parse().language == "english"
                elif kind == "srt":
                    assert len(list(srt.parse(reply.text))) > 0
                elif kind == "vtt":
                    assert len(webvtt.from_string(reply.text)) > 0
                else:
                    assert isinstance(reply.parse(), str)


@check
def models(c):
    listed = c.client.models.list()
    judge(listed.to_dict(), "ListModelsResponse")
    assert listed.data
    for name in (listed.data[0].id, "whisper-1", "Systran/faster-whisper-tiny.en"):
        found = c.client.models.retrieve(name)
        judge(found.to_dict(), "Model")
        assert found.id == name and c.transcribe(model=name).text == c.text
    try:
        c.client.models.retrieve("Systran/nothing")
        raise AssertionError("a model that is not there")
    except openai.NotFoundError as error:
        assert error.code == "model_not_found"
    assert c.refusal(openai.NotFoundError, model="large-v9").code == "model_not_found"


# ---- Refusals --------------------------------------------------------------------------------

@check
def wrong_key(c):
    with tempfile.TemporaryDirectory() as folder:
        made = subprocess.run([c.program, "keys", "add", "test", "--data_dir", folder],
                              capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise Skipped("this program makes no keys")
        key = made.stdout.split()[-1]
        with Server(c.program, "--model", english_model(), "--data_dir", folder) as server:
            error = c.refusal(openai.AuthenticationError, c.client_of(server))
            assert error.code == "invalid_api_key"
            client = openai.OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0)
            assert c.transcribe(client).text == c.text


@check
def bad_files(c):
    for content in (b"Example data", b"", b"RIFF\0\0\0\0WAVE"):
        assert c.refusal(openai.BadRequestError, file=("a.wav", content)).param == "file"
    with Server(c.program, "--model", english_model(), "--max_upload_mb", "0.02") as server:
        error = c.refusal(openai.APIStatusError, c.client_of(server))
        assert error.status_code == 413, error


@check
def full_queue(c):
    clip = long_recording(c.clip, 20)
    with Server(c.program, "--model", english_model(), "--max_active", "1", "--max_queue", "0",
                "--drain_s", "0") as server:
        client = c.client_of(server)
        events = c.transcribe(client, file=clip, stream=True)
        next(iter(events))
        error = c.refusal(openai.RateLimitError, client)
        assert error.code == "queue_full" and int(error.response.headers["retry-after"]) > 0
        events.close()
        wait_until_idle(server)
        assert c.transcribe(client).text == c.text


# ---- Many at once, and gone ------------------------------------------------------------------

def wait_until_idle(server, seconds=60):
    end = time.monotonic() + seconds
    while server.active() > 0:
        assert time.monotonic() < end, "the work of a client that is gone goes on"
        time.sleep(0.05)


@check
def sixteen_at_once(c):
    async def all_of_them():
        async with c.client_of(c.server, openai.AsyncOpenAI) as client:
            async def one(number):
                create = client.audio.transcriptions.create
                if number % 4 == 3:
                    events = await create(file=c.clip, model="whisper-1", stream=True)
                    return "".join([event.delta async for event in events
                                    if event.type == "transcript.text.delta"])
                return (await create(file=c.clip, model="whisper-1")).text
            return await asyncio.gather(*(one(number) for number in range(16)))

    assert set(asyncio.run(all_of_them())) == {c.text}


@check
def client_gone(c):
    """Whoever hangs up frees the worker, streaming or not."""
    clip = long_recording(c.clip, 20)
    before = c.server.request("GET", "/status").json()["queue"]
    try:
        c.transcribe(c.client_of(c.server, timeout=2.0), file=clip)
        raise AssertionError("20 minutes in 2 seconds")
    except openai.APITimeoutError:
        wait_until_idle(c.server)
    events = c.transcribe(file=clip, stream=True)
    next(iter(events))
    assert c.server.active() == 1
    events.close()
    wait_until_idle(c.server)
    after = c.server.request("GET", "/status").json()["queue"]
    assert after["cancelled"] == before["cancelled"] + 2 and after["done"] == before["done"], after
    assert c.transcribe().text == c.text


# ---- The rest --------------------------------------------------------------------------------

@check
def realtime(_):
    raise Skipped("the server speaks no realtime protocol yet")


@check
def openapi_document(c):
    validate_openapi(c.server.request("GET", "/openapi.json").json())


def main():
    program, make_model = (str(Path(argument).resolve()) for argument in sys.argv[1:3])
    if PUBLISHED is None:
        print("skipped: published schema: no shared data")
    with Server(program, "--model", english_model()) as server:
        return run("openai", Context(server, program, make_model))


if __name__ == "__main__":
    sys.exit(main())
