/*
 * Writes a small CTranslate2 model of seeded random weights for the command line tests: it loads
 * and decodes like any model, and says nothing sensible.
 *
 *     make_model FOLDER [multilingual]
 */
#include <stdio.h>
#include <string.h>

#include "weights.h"

int main(int argc, char **argv) {
    const bool multilingual = argc == 3 && strcmp(argv[2], "multilingual") == 0;
    if (argc != 2 && !multilingual) {
        fprintf(stderr, "usage: make_model FOLDER [multilingual]\n");
        return 2;
    }
    const int n_vocab = multilingual ? 51865 : 51864;
    const am_dims dims = {.n_mels = 80, .n_vocab = n_vocab, .d_model = 64, .n_heads = 1,
                          .d_ff = 256, .n_encoder_layers = 1, .n_decoder_layers = 1,
                          .n_audio_ctx = 1500, .n_text_ctx = 448};
    const weights w = weights_random(&dims, 1);
    weights_write_ct2(&w, AM_DTYPE_F16, argv[1]);
    return 0;
}
