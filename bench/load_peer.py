#!/usr/bin/env python3
"""faster-whisper behind FastAPI, as people set it up: the peer of bench/load.py, which runs it in
the environment of tools/requirements-load-peer.txt.

    bench/load_peer.py --model FOLDER --port N [--workers 2] [--threads 1]
                       [--batch_size N] [--beam_size 5]

A handler that is a plain function runs in a thread of FastAPI's pool, and CTranslate2 takes as many
calls at once as the model has workers: on a small machine with many callers, workers of one thread
each do more than one worker of all threads. With --batch_size windows of one recording are
decoded together (BatchedInferencePipeline).
"""
import argparse
import io

import uvicorn
from fastapi import FastAPI, Form, UploadFile
from faster_whisper import BatchedInferencePipeline, WhisperModel


def make_app(arguments):
    """The server: one route as OpenAI's, and one that says it is ready."""
    model = WhisperModel(arguments.model, device="cpu", compute_type="int8",
                         cpu_threads=arguments.threads, num_workers=arguments.workers)
    options = {"language": "en", "beam_size": arguments.beam_size}
    pipeline = model
    if arguments.batch_size is not None:
        pipeline = BatchedInferencePipeline(model)
        options["batch_size"] = arguments.batch_size
    else:
        options["vad_filter"] = True
    app = FastAPI()

    @app.get("/health")
    def health():
        return {"status": "ok"}

    @app.post("/v1/audio/transcriptions")
    def transcribe(file: UploadFile, response_format: str = Form("json")):
        segments, _ = pipeline.transcribe(io.BytesIO(file.file.read()), **options)
        return {"text": "".join(segment.text for segment in segments).strip(),
                "format": response_format}

    return app


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch_size", type=int)
    parser.add_argument("--beam_size", type=int, default=5)
    arguments = parser.parse_args()
    uvicorn.run(make_app(arguments), host="127.0.0.1", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
