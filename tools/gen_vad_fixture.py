#!/usr/bin/env python3
"""Probabilities and regions of the reference implementations, for the tests of src/speech.

    tools/gen_vad_fixture.py SHARED SILERO_ONNX FASTER_WHISPER_VAD OUT_FOLDER

SHARED is the folder of shared data, SILERO_ONNX the file silero_vad_16k_op15.onnx of the package
silero-vad 6.2.0, FASTER_WHISPER_VAD the file vad.py of the package faster-whisper 1.2.1. Needs
numpy, onnx, onnxruntime and ffmpeg.

vad_probabilities.tsv: clip, chunk, probability of silero-vad run on the weights of the ggml file
(which holds its convolutions rounded to f16), and of silero-vad as it is published (f32).
vad_regions.tsv: options, then the regions that faster-whisper makes of the third column.
"""
import struct
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper

CLIPS = [("audio/english/misc/jfk.flac", 20, "aformat=flt,pan=mono|c0=.5*c0+.5*c1"),
         ("audio/english/film_notld/15s_donnie_asked_me_if_i_were_afraid.wav", 20, "anull"),
         ("audio/speakers/ami_30s/EN2003a_0-30.flac", 30, "anull"),
         ("audio/nonspeech/glacier-bay-humpback.ogg", 15, "anull")]
# threshold, min_speech_duration_ms, min_silence_duration_ms, speech_pad_ms
OPTIONS = [(0.5, 0, 160, 400), (0.5, 0, 2000, 400), (0.5, 250, 100, 30), (0.3, 0, 32, 0),
           (0.9, 400, 64, 200)]
CHUNK, CONTEXT = 512, 64


def read_ggml(path):
    """Tensors of the ggml file by name."""
    data = path.read_bytes()
    at = 4 + 4 + len("silero-16k") + 4 * 22
    tensors = {}
    while at < len(data):
        rank, n_name, kind = struct.unpack_from("<3i", data, at)
        shape = struct.unpack_from(f"<{rank}i", data, at + 12)[::-1]
        at += 12 + 4 * rank
        name = data[at:at + n_name].decode()
        at += n_name
        dtype = np.dtype("<f2" if kind == 1 else "<f4")
        n = int(np.prod(shape)) if rank else 1
        tensors[name] = np.frombuffer(data, dtype, n, at).astype(np.float32)
        at += n * dtype.itemsize
    return tensors


def put_weights(graph, tensors):
    """Replaces the convolutions' and the last layer's weights in place; returns how many."""
    n_replaced = 0
    for initial in graph.initializer:
        values = tensors.get("_" + initial.name)
        if values is not None and "stft" not in initial.name:
            old = numpy_helper.to_array(initial)
            assert np.abs(old.ravel() - values).max() < 0.01, initial.name
            new = numpy_helper.from_array(values.reshape(old.shape), initial.name)
            initial.CopyFrom(new)
            n_replaced += 1
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                n_replaced += put_weights(attribute.g, tensors)
    return n_replaced


def probabilities(session, samples):
    """One per chunk, the last chunk filled with zeros."""
    n = -(-len(samples) // CHUNK)
    padded = np.pad(samples, (CONTEXT, n * CHUNK - len(samples)))
    state = np.zeros((2, 1, 128), np.float32)
    out = []
    for i in range(n):
        chunk = padded[None, i * CHUNK:(i + 1) * CHUNK + CONTEXT]
        value, state = session.run(None, {"input": chunk, "state": state,
                                          "sr": np.array(16000, np.int64)})
        out.append(value.item())
    return np.array(out)


def faster_whisper(path, values, n_samples, options):
    """Regions of its get_speech_timestamps, its model replaced by the given probabilities."""
    source = path.read_text(encoding="utf-8").replace(
        "from faster_whisper.utils import get_assets_path", "")
    module = types.ModuleType("reference_vad")
    sys.modules["reference_vad"] = module
    exec(compile(source, str(path), "exec"), module.__dict__)  # pylint: disable=exec-used
    module.get_vad_model = lambda: lambda audio: values
    threshold, min_speech, min_silence, pad = options
    return module.get_speech_timestamps(
        np.zeros(n_samples, np.float32), threshold=threshold, min_speech_duration_ms=min_speech,
        min_silence_duration_ms=min_silence, speech_pad_ms=pad)


def main():
    """Writes both tables."""
    shared, model_path, reference, out = map(Path, sys.argv[1:])
    model = onnx.load(model_path)
    published = onnxruntime.InferenceSession(model.SerializeToString())
    n_replaced = put_weights(model.graph, read_ggml(shared / "models/ggml-silero-v6.2.0.bin"))
    assert n_replaced >= 10, n_replaced
    rounded = onnxruntime.InferenceSession(model.SerializeToString())
    rows, regions = [], []
    for clip, seconds, mix in CLIPS:
        # In floats, channels mixed to their mean, as our decoder does.
        command = ["ffmpeg", "-v", "error", "-i", shared / clip, "-af",
                   mix, "-ar", "16000", "-t", str(seconds), "-f", "f32le", "-"]
        raw = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        samples = np.frombuffer(raw, np.float32)
        values = probabilities(rounded, samples)
        exact = probabilities(published, samples)
        rows += [f"{clip}\t{i}\t{a:.7f}\t{b:.7f}" for i, (a, b) in enumerate(zip(values, exact))]
        for options in OPTIONS:
            found = faster_whisper(reference, np.round(values, 7).astype(np.float32),
                                   len(samples), options)
            spans = " ".join(f"{r['start']}-{r['end']}" for r in found)
            fields = "\t".join(map(str, options))
            regions.append(f"{clip}\t{len(samples)}\t{fields}\t{spans}")
    (out / "vad_probabilities.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (out / "vad_regions.tsv").write_text("\n".join(regions) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
