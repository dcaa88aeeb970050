/*
 * Writes a Hugging Face folder of seeded random f16 weights in the geometry of a larger Whisper
 * model, for measurements of time and memory: it loads and decodes like that model, and says
 * nothing sensible.
 *
 *     build/bench/make_size small|large-v3-turbo FOLDER
 *
 * Weights are scaled by their fan-in, residual branches smaller, so that activations stay of order
 * one at any depth. The vocabulary is one of bytes, of the model's size.
 */
#include <stdio.h>
#include <string.h>

#include "weights.h"

static const struct {
    const char *name;
    am_dims dims;
} sizes[] = {
    {"small", {.n_mels = 80, .n_vocab = 51865, .d_model = 768, .n_encoder_layers = 12,
               .n_decoder_layers = 12, .n_audio_ctx = 1500, .n_text_ctx = 448}},
    {"large-v3-turbo", {.n_mels = 128, .n_vocab = 51866, .d_model = 1280, .n_encoder_layers = 32,
                        .n_decoder_layers = 4, .n_audio_ctx = 1500, .n_text_ctx = 448}},
};

int main(int argc, char **argv) {
    for (size_t i = 0; argc == 3 && i < sizeof sizes / sizeof *sizes; i++) {
        if (strcmp(argv[1], sizes[i].name) != 0) continue;
        const weights w = weights_random(&sizes[i].dims, 1);
        weights_write_safetensors(&w, AM_DTYPE_F16, 1, argv[2]);
        return 0;
    }
    fputs("usage: make_size small|large-v3-turbo FOLDER\n", stderr);
    return 2;
}
