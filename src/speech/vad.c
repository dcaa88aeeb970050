/*
 * Silero's network over many chunks: see vad.h and vad_model.h.
 *
 * DESIGN. A block of chunks goes through all layers up to the LSTM's input product while it is in
 * the cache; blocks are shared out to the threads. A layer is laid out [chunk][frame][channel], so
 * the three taps of a convolution are one contiguous row of its input, and a tap that lies in the
 * padding is left out of the product by starting later or ending earlier in the panel. The LSTM
 * runs one group of blocks behind, beside the blocks of the next.
 *
 * The tile kernels sum in another order when they have few rows, so every product here is of whole
 * tiles: rows behind the last chunk hold old numbers and nobody reads what comes of them.
 */
#include "speech/vad.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK 24 /* chunks; a multiple of every kernel's tile height */
#define N_BLOCKS 4
#define GROUP (BLOCK * N_BLOCKS) /* chunks between two runs of the LSTM */
#define SPAN (AM_VAD_CONTEXT + AM_VAD_CHUNK)
#define AMPLITUDE_MAX 64.0f

enum { C1 = 128, C2 = 64, C3 = 64, C4 = 128 }; /* channels behind the convolutions */

typedef struct block_space {
    float folded[BLOCK * AM_VAD_FRAMES * AM_VAD_FRAME];   /* [chunk, frame, folded sample] */
    float spectrum[BLOCK * AM_VAD_FRAMES * AM_VAD_FRAME]; /* [chunk, frame, part of a bin] */
    float magnitudes[BLOCK * AM_VAD_FRAMES * AM_VAD_BINS];
    float x1[BLOCK * AM_VAD_FRAMES * C1];
    float x2[BLOCK * 2 * C2];
    float x3[BLOCK * C3];
    float x4[BLOCK * C4];
} block_space;

struct am_vad {
    const am_vad_model *model;
    size_t n_samples; /* in `samples`, the context included */
    float samples[AM_VAD_CONTEXT + GROUP * AM_VAD_CHUNK];
    float gates[2][GROUP * AM_VAD_GATES]; /* [chunk, gate] of this group and the one before */
    float hidden[AM_VAD_STATE], cell[AM_VAD_STATE];
    block_space blocks[N_BLOCKS];
};

am_status am__vad_new(const am_vad_model *model, am_vad **vad, am_error *error) {
    assert(BLOCK % model->kernels->gemm.mr == 0);
    AM_TRY(AM_NEW(vad, 1, error));
    (*vad)->model = model;
    am__vad_reset(*vad);
    return AM_OK;
}

void am__vad_free(am_vad **vad) {
    am__free(*vad);
    *vad = NULL;
}

void am__vad_reset(am_vad *vad) {
    memset(vad->samples, 0, AM_VAD_CONTEXT * sizeof *vad->samples);
    memset(vad->hidden, 0, sizeof vad->hidden);
    memset(vad->cell, 0, sizeof vad->cell);
    vad->n_samples = AM_VAD_CONTEXT;
}

/* y = x[:, k0 : k0 + k] W[:, k0 : k0 + k]^T + b for n_rows rows, rounded up to whole tiles; x
 * points at the first column that is used. */
static void multiply(const am_kernels *kernels, const am_vad_matrix *matrix, size_t k0, size_t k,
                     const float *x, size_t ldx, size_t n_rows, float *y, size_t ldy) {
    const size_t mr = kernels->gemm.mr, nr = kernels->gemm.nr;
    for (size_t column = 0; column < matrix->n_out; column += nr) {
        const size_t n = matrix->n_out - column < nr ? matrix->n_out - column : nr;
        const float *panel = matrix->panels + column * matrix->n_in + k0 * nr;
        for (size_t row = 0; row < n_rows; row += mr) {
            kernels->gemm.tile_f32(mr, n, k, x + row * ldx, ldx, panel, y + row * ldy + column,
                                   ldy, matrix->bias + column, false);
        }
    }
}

static void relu(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

/*
 * Folds a windowed frame: around sample 128, where cosines are even and sines odd, then around 64,
 * where both are even or odd by the parity of the bin. out: the 65 + 64 + 63 + 64 inputs of the
 * parts of the DFT. Sample 0 of the window is zero, and so is the sine of sample 0 and 128.
 */
static void fold_frame(const float *frame, const float *window, float *out) {
    float even[AM_VAD_FRAME / 2 + 1], odd[AM_VAD_FRAME / 2 + 1];
    float x[AM_VAD_FRAME];
    for (size_t n = 0; n < AM_VAD_FRAME; n++) x[n] = frame[n] * window[n];
    even[0] = odd[0] = 0.0f;
    even[128] = x[128];
    odd[128] = 0.0f;
    for (size_t n = 1; n < 128; n++) {
        even[n] = x[n] + x[256 - n];
        odd[n] = x[n] - x[256 - n];
    }
    float *cos_even = out, *cos_odd = out + 65, *sin_even = out + 129, *sin_odd = out + 192;
    for (size_t n = 0; n < 64; n++) {
        cos_even[n] = even[n] + even[128 - n];
        cos_odd[n] = even[n] - even[128 - n];
    }
    cos_even[64] = even[64];
    for (size_t n = 1; n < 64; n++) {
        sin_even[n - 1] = odd[n] - odd[128 - n];
        sin_odd[n - 1] = odd[n] + odd[128 - n];
    }
    sin_odd[63] = odd[64];
}

/* The four frames of a chunk; the last one is reflected around the chunk's last sample. */
static void fold_chunk(const float *chunk, const float *window, float *out) {
    for (size_t t = 0; t + 1 < AM_VAD_FRAMES; t++) {
        fold_frame(chunk + t * AM_VAD_HOP, window, out + t * AM_VAD_FRAME);
    }
    const size_t first = (AM_VAD_FRAMES - 1) * AM_VAD_HOP, n_real = SPAN - first;
    float last[AM_VAD_FRAME];
    memcpy(last, chunk + first, n_real * sizeof *last);
    for (size_t i = n_real; i < AM_VAD_FRAME; i++) last[i] = last[2 * n_real - 2 - i];
    fold_frame(last, window, out + (AM_VAD_FRAMES - 1) * AM_VAD_FRAME);
}

/* One frame's parts of a spectrum -> magnitudes, even bins, then odd ones. */
static void magnitudes_of(const float *parts, float *out) {
    const float *cos_even = parts, *cos_odd = parts + 65;
    const float *sin_even = parts + 129, *sin_odd = parts + 192;
    out[0] = fabsf(cos_even[0]);
    out[64] = fabsf(cos_even[64]);
    for (size_t i = 1; i < 64; i++) {
        out[i] = sqrtf(cos_even[i] * cos_even[i] + sin_even[i - 1] * sin_even[i - 1]);
    }
    for (size_t i = 0; i < 64; i++) {
        out[65 + i] = sqrtf(cos_odd[i] * cos_odd[i] + sin_odd[i] * sin_odd[i]);
    }
}

static void run_spectra(const am_vad_model *model, block_space *space, const float *samples,
                        size_t n_chunks) {
    const size_t n_frames = n_chunks * AM_VAD_FRAMES;
    for (size_t i = 0; i < n_chunks; i++) {
        fold_chunk(samples + i * AM_VAD_CHUNK, model->window,
                   space->folded + i * AM_VAD_FRAMES * AM_VAD_FRAME);
    }
    size_t at = 0;
    for (size_t part = 0; part < AM_VAD_FOLDS; part++) {
        const am_vad_matrix *dft = &model->dft[part];
        multiply(model->kernels, dft, 0, dft->n_in, space->folded + at, AM_VAD_FRAME, n_frames,
                 space->spectrum + at, AM_VAD_FRAME);
        at += dft->n_in;
    }
    for (size_t i = 0; i < n_frames; i++) {
        magnitudes_of(space->spectrum + i * AM_VAD_FRAME, space->magnitudes + i * AM_VAD_BINS);
    }
}

/* Convolution `index` over n_in frames of every chunk, ReLU behind it: [chunk, n_in, channels] ->
 * [chunk, n_out, channels]. */
static void convolve(const am_vad_model *model, size_t index, const float *x, size_t n_in,
                     size_t stride, size_t n_chunks, float *y) {
    const am_vad_matrix *conv = &model->conv[index];
    const size_t channels = conv->n_in / 3;
    const size_t n_out = (n_in + stride - 1) / stride;
    for (size_t t = 0; t < n_out; t++) {
        const size_t centre = t * stride;
        const size_t first_tap = centre == 0 ? 1 : 0;
        const size_t end_tap = centre + 1 == n_in ? 2 : 3;
        const size_t first_frame = centre + first_tap - 1;
        multiply(model->kernels, conv, first_tap * channels, (end_tap - first_tap) * channels,
                 x + first_frame * channels, n_in * channels, n_chunks, y + t * conv->n_out,
                 n_out * conv->n_out);
    }
    relu(y, n_chunks * n_out * conv->n_out);
}

typedef struct group_job {
    am_vad *vad;
    size_t n_chunks;      /* of this group */
    float *gates;
    size_t n_before;      /* of the group before, whose gates are there */
    float *gates_before;
    float *probabilities; /* [n_before] */
} group_job;

/* All that does not depend on the chunk before, for one block of the group. */
static void run_block(const group_job *job, size_t block) {
    const am_vad_model *model = job->vad->model;
    block_space *space = &job->vad->blocks[block];
    const size_t first = block * BLOCK;
    const size_t n = job->n_chunks - first < BLOCK ? job->n_chunks - first : BLOCK;
    run_spectra(model, space, job->vad->samples + first * AM_VAD_CHUNK, n);
    convolve(model, 0, space->magnitudes, AM_VAD_FRAMES, 1, n, space->x1);
    convolve(model, 1, space->x1, AM_VAD_FRAMES, 2, n, space->x2);
    convolve(model, 2, space->x2, 2, 2, n, space->x3);
    convolve(model, 3, space->x3, 1, 1, n, space->x4);
    multiply(model->kernels, &model->lstm_input, 0, AM_VAD_STATE, space->x4, C4, n,
             job->gates + first * AM_VAD_GATES, AM_VAD_GATES);
}

#define SATURATED 30.0f /* from here on sigmoid is 0 or 1 in f32 */

/* x = 1 / (1 + e^-x), within 3e-7. Two loops, neither with a branch, so that the compiler
 * vectorises both. Reference of the polynomial: Cephes expf. */
static void sigmoids(float *x, size_t n) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    for (size_t i = 0; i < n; i++) {
        const float low = x[i] < -SATURATED ? -SATURATED : x[i];
        x[i] = low > SATURATED ? SATURATED : low;
    }
    for (size_t i = 0; i < n; i++) {
        const float shifted = x[i] * -1.44269504f + magic;
        const float whole = shifted - magic;
        const float r = (-x[i] - whole * 0.693359375f) + whole * 2.12194440e-4f;
        float p = 1.9875691500e-4f;
        p = p * r + 1.3981999507e-3f;
        p = p * r + 8.3334519073e-3f;
        p = p * r + 4.1665795894e-2f;
        p = p * r + 1.6666665459e-1f;
        p = p * r + 5.0000001201e-1f;
        p = p * r * r + r + 1.0f;
        uint32_t bits;
        memcpy(&bits, &shifted, sizeof bits);
        bits = (bits + 127u) << 23; /* the low bits of `shifted` are the power of two */
        float power;
        memcpy(&power, &bits, sizeof power);
        x[i] = 1.0f / (1.0f + p * power);
    }
}

/* One step of the cell on the input's share of its gates, and the probability it gives. */
static float step_lstm(am_vad *vad, float *gates) {
    const am_vad_model *model = vad->model;
    const size_t nr = model->kernels->gemm.nr;
    const float *panel = model->lstm_state.panels;
    for (size_t gate = 0; gate < AM_VAD_GATES; gate += nr, panel += nr * AM_VAD_STATE) {
        model->kernels->gemm.tile_f32(1, nr, AM_VAD_STATE, vad->hidden, AM_VAD_STATE, panel,
                                      gates + gate, AM_VAD_GATES, NULL, true);
    }
    const float *in = gates, *forget = in + AM_VAD_STATE;
    float *new = gates + (ptrdiff_t)2 * AM_VAD_STATE;
    const float *out = new + AM_VAD_STATE;
    for (size_t i = 0; i < AM_VAD_STATE; i++) new[i] *= 2.0f; /* tanh x = 2 sigmoid(2 x) - 1 */
    sigmoids(gates, AM_VAD_GATES);
    float twice[AM_VAD_STATE];
    for (size_t i = 0; i < AM_VAD_STATE; i++) {
        vad->cell[i] = forget[i] * vad->cell[i] + in[i] * (2.0f * new[i] - 1.0f);
        twice[i] = 2.0f * vad->cell[i];
    }
    sigmoids(twice, AM_VAD_STATE);
    for (size_t i = 0; i < AM_VAD_STATE; i++) vad->hidden[i] = out[i] * (2.0f * twice[i] - 1.0f);
    float sums[8] = {0}; /* eight chains of additions side by side */
    for (size_t i = 0; i < AM_VAD_STATE; i += 8) {
        for (size_t j = 0; j < 8; j++) {
            const float hidden = vad->hidden[i + j];
            sums[j] += (hidden > 0.0f ? hidden : 0.0f) * model->output[i + j];
        }
    }
    float sum = model->output_bias;
    for (size_t j = 0; j < 8; j++) sum += sums[j];
    sigmoids(&sum, 1);
    return sum;
}

/* Part 0 is the LSTM of the group before, the others are blocks of this one. */
static void run_part(void *context, size_t part, size_t n_parts) {
    (void)n_parts;
    const group_job *job = context;
    if (part > 0) {
        run_block(job, part - 1);
        return;
    }
    for (size_t i = 0; i < job->n_before; i++) {
        job->probabilities[i] = step_lstm(job->vad, job->gates_before + i * AM_VAD_GATES);
    }
}

static void run_parts(const group_job *job, am_team *team) {
    group_job shared = *job;
    const size_t n_parts = 1 + (job->n_chunks + BLOCK - 1) / BLOCK;
    if (team != NULL && n_parts > 1) {
        am__team_run(team, n_parts, run_part, &shared);
    } else {
        for (size_t i = 0; i < n_parts; i++) run_part(&shared, i, n_parts);
    }
}

/* Samples of a sane size, what is no number among them: an infinity would stay in the cell. */
static void copy_samples(float *to, const float *from, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const float low = from[i] > -AMPLITUDE_MAX ? from[i] : -AMPLITUDE_MAX;
        to[i] = low < AMPLITUDE_MAX ? low : AMPLITUDE_MAX;
    }
}

void am__vad_push(am_vad *vad, am_team *team, const float *samples, size_t n,
                  float *probabilities, size_t *n_probabilities) {
    const size_t room = sizeof vad->samples / sizeof *vad->samples;
    group_job job = {.vad = vad, .gates = vad->gates[0], .gates_before = vad->gates[1],
                     .probabilities = probabilities};
    do {
        const size_t n_now = n < room - vad->n_samples ? n : room - vad->n_samples;
        copy_samples(vad->samples + vad->n_samples, samples, n_now);
        vad->n_samples += n_now;
        samples += n_now;
        n -= n_now;
        job.n_chunks = (vad->n_samples - AM_VAD_CONTEXT) / AM_VAD_CHUNK;
        run_parts(&job, team);

        /* What follows the chunks moves to the front with its context. */
        const size_t n_used = job.n_chunks * AM_VAD_CHUNK;
        vad->n_samples -= n_used;
        memmove(vad->samples, vad->samples + n_used, vad->n_samples * sizeof *vad->samples);

        job.probabilities += job.n_before;
        job.n_before = job.n_chunks;
        float *const gates = job.gates_before;
        job.gates_before = job.gates;
        job.gates = gates;
    } while (n > 0);
    job.n_chunks = 0;
    run_parts(&job, NULL);
    *n_probabilities = (size_t)(job.probabilities - probabilities) + job.n_before;
}

bool am__vad_finish(am_vad *vad, float *probability) {
    static const float zeros[AM_VAD_CHUNK];
    const size_t n_left = vad->n_samples - AM_VAD_CONTEXT;
    size_t n = 0;
    if (n_left > 0) am__vad_push(vad, NULL, zeros, AM_VAD_CHUNK - n_left, probability, &n);
    am__vad_reset(vad);
    return n > 0;
}
