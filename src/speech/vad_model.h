/*
 * The weights of Silero VAD (16 kHz, version 6) as the network in vad.c wants them: packed for the
 * matrix product of the chosen kernels, ready to be shared by any number of streams.
 *
 * The network, per chunk of 512 samples with the 64 before it: four spectra of 256 samples at a
 * hop of 128, the last one reflected at its end; magnitudes; four convolutions of three taps with
 * ReLU (129 -> 128 -> 64 -> 64 -> 128 channels, strides 1, 2, 2, 1, so that 4 frames become 1); an
 * LSTM cell of 128; one output with ReLU before and a sigmoid behind it.
 * Reference: snakers4/silero-vad; whisper.cpp convert-silero-vad-to-ggml.py for the file.
 */
#ifndef AM_SPEECH_VAD_MODEL_H
#define AM_SPEECH_VAD_MODEL_H

#include "base/status.h"
#include "kernels/kernels.h"

enum {
    AM_VAD_FRAME = 256,                 /* samples of one spectrum */
    AM_VAD_HOP = 128,                   /* between spectra */
    AM_VAD_FRAMES = 4,                  /* of one chunk */
    AM_VAD_BINS = AM_VAD_FRAME / 2 + 1, /* of one spectrum */
    AM_VAD_STATE = 128,                 /* width of the LSTM cell */
    AM_VAD_GATES = 4 * AM_VAD_STATE,    /* input, forget, cell, output */
    AM_VAD_CONVS = 4,
};

/* y = x W^T + b with W in panels: [ceil(n_out / nr)][n_in][nr]. */
typedef struct am_vad_matrix {
    size_t n_in, n_out;
    float *panels; /* owned */
    float *bias;   /* owned: [ceil(n_out / nr) * nr] */
} am_vad_matrix;

/*
 * The parts that a real DFT falls into when its input is folded twice: cosines of even bins, of
 * odd bins, sines of even bins, of odd bins. Each part sees its own 65, 64, 63 or 64 folded
 * samples and gives as many bins, so that they cost a quarter of the full product.
 */
typedef enum am_vad_fold {
    AM_VAD_COS_EVEN, /* bins 0, 2 … 128 */
    AM_VAD_COS_ODD,  /* bins 1, 3 … 127 */
    AM_VAD_SIN_EVEN, /* bins 2, 4 … 126: those of 0 and 128 are zero */
    AM_VAD_SIN_ODD,  /* bins 1, 3 … 127 */
    AM_VAD_FOLDS,
} am_vad_fold;

typedef struct am_vad_model {
    const am_kernels *kernels; /* the panels are theirs */
    float window[AM_VAD_FRAME]; /* periodic Hann */
    am_vad_matrix dft[AM_VAD_FOLDS];
    am_vad_matrix conv[AM_VAD_CONVS]; /* inputs ordered [3 taps][channels]; those of the first are
                                       * even bins, then odd bins */
    am_vad_matrix lstm_input;         /* both biases of the cell are in this one */
    am_vad_matrix lstm_state;
    float output[AM_VAD_STATE];
    float output_bias;
} am_vad_model;

/*
 * Reads whisper.cpp's ggml file of Silero VAD. E_NOT_FOUND, E_IO, E_MODEL for a damaged file,
 * E_UNSUPPORTED for another geometry. Immutable afterwards; free with am__vad_model_close.
 */
AM_CHECK_RESULT am_status am__vad_model_open(const char *path, const am_kernels *kernels,
                                             am_vad_model **model, am_error *error);
void am__vad_model_close(am_vad_model **model);

#endif
