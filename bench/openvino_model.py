#!/usr/bin/env python3
"""Writes a CTranslate2 Whisper folder anew as models for OpenVINO GenAI, from the same weights.

    bench/openvino_model.py FOLDER OUT [--calibrate CLIP ...]

OUT/int8 has 8-bit weights, activations as OpenVINO chooses for the CPU. With --calibrate (40 to 60
clips of speech are enough) OUT/w8a8 is the same with an encoder whose matrix products take 8-bit
activations too, quantised by NNCF on these clips. On the way the weights become a Hugging Face
folder, OUT/hf, which optimum-intel exports.

Needs the environment of tools/requirements-openvino-model.txt, several GB; it is made when absent.
"""
import argparse
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import tool_venv  # noqa: E402  (found through the line above)

HEAD_SIZE = 64  # of every Whisper model
WINDOW = 480000  # samples of 30 s
CT2_TYPES = ("float32", "int8", "int16", "int32", "float16")
END = "<|endoftext|>"


# ---- CTranslate2 ----------------------------------------------------------------------------

class Ct2Reader:
    """Fields of a model.bin in order; sizes are little-endian."""

    def __init__(self, path):
        self.bytes = Path(path).read_bytes()
        self.at = 0

    def number(self, code):
        value, = struct.unpack_from("<" + code, self.bytes, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def name(self):
        size = self.number("H")  # with a terminating NUL
        self.at += size
        return self.bytes[self.at - size:self.at - 1].decode()

    def tensor(self):
        import numpy
        shape = [self.number("I") for _ in range(self.number("B"))]
        dtype = numpy.dtype(CT2_TYPES[self.number("B")])
        size = self.number("I")
        self.at += size
        return numpy.frombuffer(self.bytes, dtype, size // dtype.itemsize,
                                self.at - size).reshape(shape)


def read_ct2(path):
    """name -> float32 array of every tensor; 8-bit weights are multiplied out."""
    import numpy
    reader = Ct2Reader(path)
    reader.number("I"), reader.name(), reader.number("I")  # version, specification, its revision
    raw = {}
    for _ in range(reader.number("I")):
        name = reader.name()
        raw[name] = reader.tensor()
    for _ in range(reader.number("I")):
        alias, name = reader.name(), reader.name()
        raw[alias] = raw[name]
    tensors = {}
    for name, values in raw.items():
        if values.dtype.kind == "i" and name + "_scale" in raw:
            scale = raw[name + "_scale"].astype(numpy.float32)
            tensors[name] = values / scale.reshape(scale.shape + (1,) * (values.ndim - scale.ndim))
        else:
            tensors[name] = values.astype(numpy.float32)
    return tensors


# ---- Hugging Face ---------------------------------------------------------------------------

def layer_names(side):
    """(CTranslate2 name, Hugging Face names it is stacked from, is a norm) inside one layer."""
    names = [
        ("self_attention/layer_norm", ["self_attn_layer_norm"], True),
        ("self_attention/linear_0", [f"self_attn.{part}_proj" for part in "qkv"], False),
        ("self_attention/linear_1", ["self_attn.out_proj"], False),
        ("ffn/layer_norm", ["final_layer_norm"], True),
        ("ffn/linear_0", ["fc1"], False),
        ("ffn/linear_1", ["fc2"], False),
    ]
    if side == "decoder":
        names += [
            ("attention/layer_norm", ["encoder_attn_layer_norm"], True),
            ("attention/linear_0", ["encoder_attn.q_proj"], False),
            ("attention/linear_1", ["encoder_attn.k_proj", "encoder_attn.v_proj"], False),
            ("attention/linear_2", ["encoder_attn.out_proj"], False),
        ]
    return names


def n_layers(tensors, side):
    return len({name.split("/")[1] for name in tensors
                if name.startswith(f"{side}/layer_") and "/ffn/" in name})


def hugging_face_weights(tensors):
    """The state dictionary of WhisperForConditionalGeneration."""
    import numpy
    state = {}

    def put(source, targets, is_norm):
        weight, bias = ("gamma", "beta") if is_norm else ("weight", "bias")
        weights = numpy.split(tensors[f"{source}/{weight}"], len(targets))
        biases = numpy.split(tensors[f"{source}/{bias}"], len(targets))
        for target, matrix, vector in zip(targets, weights, biases):
            state[target + ".weight"] = matrix
            if not target.endswith("attn.k_proj"):  # Whisper's keys have no bias
                state[target + ".bias"] = vector

    for side in ("encoder", "decoder"):
        for layer in range(n_layers(tensors, side)):
            for source, targets, is_norm in layer_names(side):
                put(f"{side}/layer_{layer}/{source}",
                    [f"model.{side}.layers.{layer}.{target}" for target in targets], is_norm)
        put(f"{side}/layer_norm", [f"model.{side}.layer_norm"], True)
        state[f"model.{side}.embed_positions.weight"] = \
            tensors[f"{side}/position_encodings/encodings"]
    for number in (1, 2):
        put(f"encoder/conv{number}", [f"model.encoder.conv{number}"], False)
    state["model.decoder.embed_tokens.weight"] = tensors["decoder/embeddings/weight"]
    state["proj_out.weight"] = tensors["decoder/embeddings/weight"]
    return state


def generation_config(tokenizer, ct2_config, special, multilingual):
    """What generation must know beside the weights: suppressed tokens, languages, tasks."""
    from transformers import GenerationConfig
    ids = tokenizer.convert_tokens_to_ids
    config = GenerationConfig(max_length=448, **special)
    config.suppress_tokens = ct2_config["suppress_ids"]
    config.begin_suppress_tokens = ct2_config["suppress_ids_begin"]
    config.alignment_heads = ct2_config["alignment_heads"]
    config.no_timestamps_token_id = ids("<|notimestamps|>")
    config.prev_sot_token_id = ids("<|startofprev|>")
    config.max_initial_timestamp_index = 50
    config.return_timestamps = False
    config.is_multilingual = multilingual
    if multilingual:
        first, last = special["decoder_start_token_id"], ids("<|translate|>")
        config.lang_to_id = {token: number for token, number in tokenizer.get_added_vocab().items()
                             if first < number < last}
        config.task_to_id = {task: ids(f"<|{task}|>") for task in ("transcribe", "translate")}
    return config


def write_hugging_face(folder, out):
    """FOLDER as a Hugging Face folder OUT; returns its feature extractor."""
    import torch
    from transformers import (WhisperConfig, WhisperFeatureExtractor,
                              WhisperForConditionalGeneration, WhisperProcessor,
                              WhisperTokenizerFast)
    tensors = read_ct2(folder / "model.bin")
    tokenizer = WhisperTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"),
                                     unk_token=END, bos_token=END, eos_token=END, pad_token=END)
    end = tokenizer.convert_tokens_to_ids(END)
    special = {"decoder_start_token_id": tokenizer.convert_tokens_to_ids("<|startoftranscript|>"),
               "bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    width, n_mels = tensors["encoder/conv1/weight"].shape[:2]
    n_vocab = len(tensors["decoder/embeddings/weight"])
    model = WhisperForConditionalGeneration(WhisperConfig(
        vocab_size=n_vocab, num_mel_bins=n_mels, d_model=width,
        encoder_layers=n_layers(tensors, "encoder"), decoder_layers=n_layers(tensors, "decoder"),
        encoder_attention_heads=width // HEAD_SIZE, decoder_attention_heads=width // HEAD_SIZE,
        encoder_ffn_dim=4 * width, decoder_ffn_dim=4 * width, **special)).eval()
    state = {name: torch.tensor(values) for name, values in hugging_face_weights(tensors).items()}
    model.load_state_dict(state, strict=True)
    ct2_config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model.generation_config = generation_config(tokenizer, ct2_config, special, n_vocab >= 51865)
    features = WhisperFeatureExtractor(feature_size=n_mels)
    for part in (model, tokenizer, features, model.generation_config,
                 WhisperProcessor(features, tokenizer)):
        part.save_pretrained(out)
    return features


# ---- OpenVINO -------------------------------------------------------------------------------

def export(hugging_face, weight_format, out):
    tool = Path(sys.executable).parent / "optimum-cli"
    subprocess.run([tool, "export", "openvino", "--model", hugging_face, "--task",
                    "automatic-speech-recognition-with-past", "--weight-format", weight_format,
                    out], check=True)


def read_clip(path):
    """At most 30 s of any recording as 16 kHz mono f32, through FFmpeg's program."""
    import numpy
    run = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-f", "f32le", "-ac", "1", "-ar",
                          "16000", "-"], check=True, capture_output=True)
    return numpy.frombuffer(run.stdout, numpy.float32)[:WINDOW]


def quantise_encoder(fp16, int8, out, features, clips):
    """OUT is INT8 with an encoder whose activations are 8-bit too, by NNCF."""
    import nncf
    import openvino
    inputs = [features(read_clip(clip), sampling_rate=16000, return_tensors="np").input_features
              for clip in clips]
    encoder = openvino.Core().read_model(fp16 / "openvino_encoder_model.xml")
    data = nncf.Dataset(inputs, lambda mel: {"input_features": mel})
    shutil.copytree(int8, out, dirs_exist_ok=True)
    quantised = nncf.quantize(encoder, data, subset_size=len(inputs),
                              model_type=nncf.ModelType.TRANSFORMER)
    openvino.save_model(quantised, out / "openvino_encoder_model.xml")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--calibrate", nargs="+", metavar="CLIP", default=[])
    arguments = parser.parse_args()
    tool_venv.enter("openvino-model")
    features = write_hugging_face(arguments.folder, arguments.out / "hf")
    export(arguments.out / "hf", "int8", arguments.out / "int8")
    if arguments.calibrate:
        export(arguments.out / "hf", "fp16", arguments.out / "fp16")
        quantise_encoder(arguments.out / "fp16", arguments.out / "int8", arguments.out / "w8a8",
                         features, arguments.calibrate)
    return 0


if __name__ == "__main__":
    sys.exit(main())
