#!/usr/bin/env python3
"""One peer in its own process: loads a model, transcribes files, prints what `amanuensis bench
--json` prints. bench/peers.py runs it in the environment of tools/requirements-peers.txt.

    bench/peer_workers.py ENGINE --model PATH [--threads 2] [--beam_size 1] [--repeat 1] FILE ...

The model is loaded before the clock starts. The clock then runs from the file's path to its text,
so that it holds what ours holds: decoding and resampling of the audio (FFmpeg in all of them,
PyAV's or ours), features, speech detection where the engine has it on by default, encoder,
decoder, text. Everything is as the original's greedy decoding (or beams at temperature 0): no
fallback to a higher temperature, no text carried from window to window.
"""
import argparse
import json
import resource
import statistics
import sys
import time


class FasterWhisper:
    """faster-whisper, one window after another, or BatchedInferencePipeline."""

    def __init__(self, arguments, compute_type="int8", batch_size=None):
        from faster_whisper import BatchedInferencePipeline, WhisperModel
        model = WhisperModel(arguments.model, device="cpu", compute_type=compute_type,
                             cpu_threads=arguments.threads)
        self.options = {"language": arguments.language, "beam_size": arguments.beam_size,
                        "temperature": 0.0, "condition_on_previous_text": False}
        self.pipeline = model
        if batch_size is not None:
            self.pipeline = BatchedInferencePipeline(model)
            self.options["batch_size"] = batch_size

    def transcribe(self, path):
        """(text, seconds of audio)"""
        segments, info = self.pipeline.transcribe(path, **self.options)
        return "".join(segment.text for segment in segments), info.duration


class WhisperCpp:
    """whisper.cpp through pywhispercpp."""

    def __init__(self, arguments):
        from pywhispercpp.model import Model
        beams = {"params_sampling_strategy": 1} if arguments.beam_size > 1 else {}
        self.model = Model(arguments.model, n_threads=arguments.threads, print_progress=False,
                           print_realtime=False, redirect_whispercpp_logs_to=None, **beams)
        self.options = {"language": arguments.language, "temperature_inc": 0.0,
                        "no_context": True}
        if arguments.beam_size > 1:
            self.options["beam_search"] = {"beam_size": arguments.beam_size, "patience": -1.0}
        else:
            self.options["greedy"] = {"best_of": 1}

    def transcribe(self, path):
        """(text, seconds of audio)"""
        from faster_whisper import decode_audio
        samples = decode_audio(path)
        segments = self.model.transcribe(samples, **self.options)
        return " ".join(segment.text.strip() for segment in segments), len(samples) / 16000


class OpenVino:
    """OpenVINO GenAI's WhisperPipeline on the CPU, set up for one caller."""

    def __init__(self, arguments):
        import openvino_genai
        self.pipeline = openvino_genai.WhisperPipeline(
            arguments.model, "CPU", INFERENCE_NUM_THREADS=arguments.threads,
            PERFORMANCE_HINT="LATENCY")
        self.config = self.pipeline.get_generation_config()
        self.config.return_timestamps = True  # else the text of each 30 s ends where it is cut
        if arguments.beam_size > 1:
            self.config.num_beams = arguments.beam_size
        if self.config.is_multilingual:
            self.config.language = f"<|{arguments.language}|>"
            self.config.task = "transcribe"

    def transcribe(self, path):
        """(text, seconds of audio)"""
        from faster_whisper import decode_audio
        samples = decode_audio(path)
        result = self.pipeline.generate(samples, self.config)
        return result.texts[0], len(samples) / 16000


ENGINES = {
    "faster-whisper": FasterWhisper,
    "faster-whisper-float32": lambda arguments: FasterWhisper(arguments, "float32"),
    "faster-whisper-batch8": lambda arguments: FasterWhisper(arguments, batch_size=8),
    "faster-whisper-batch16": lambda arguments: FasterWhisper(arguments, batch_size=16),
    "openvino": OpenVino,
    "whisper.cpp": WhisperCpp,
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", choices=sorted(ENGINES))
    parser.add_argument("files", nargs="+")
    parser.add_argument("--model", required=True)
    parser.add_argument("--language", default="en")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--beam_size", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=1)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    started = time.perf_counter()
    engine = ENGINES[arguments.engine](arguments)
    load_s = time.perf_counter() - started
    walls = []
    for _ in range(arguments.repeat):
        started = time.perf_counter()
        results = [engine.transcribe(path) for path in arguments.files]
        walls.append(time.perf_counter() - started)
    text = "\n".join(text.strip() for text, _ in results)
    print(json.dumps({"load_s": load_s, "wall_s": statistics.median(walls),
                      "audio_s": sum(seconds for _, seconds in results),
                      "words": len(text.split()), "text": text,
                      "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
