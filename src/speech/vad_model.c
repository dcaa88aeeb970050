/*
 * The reader of Silero's ggml file: see vad_model.h.
 *
 * Little-endian: u32 magic; u32 length and text "silero-16k"; u32 version (3), samples per chunk,
 * of context, number of convolutions and input, output, taps of each; LSTM input, state; inputs
 * and outputs of the last layer; then tensors to the end: i32 rank, length of the name, type (0
 * f32, 1 f16), shape[rank] innermost first, name, data.
 *
 * The file holds the spectrum's basis rounded to f16. It is a Hann window times cosines and sines,
 * so the exact one is computed here and the file's only compared with it.
 */
#include "speech/vad_model.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "model/file.h"
#include "model/model.h"

#define MAGIC 0x67676d6cu /* "ggml" */
#define PI 3.14159265358979323846
#define N_TENSORS 15
#define N_ELEMENTS_MAX 66048 /* of the largest tensor, the basis */
#define N_FILTERS (2 * AM_VAD_BINS)

static const char kind[] = "silero-16k";

/* What follows the three numbers of the version. */
static const uint32_t geometry[] = {
    512, 64, AM_VAD_CONVS,
    129, 128, 3, 128, 64, 3, 64, 64, 3, 64, 128, 3,
    AM_VAD_STATE, AM_VAD_STATE, AM_VAD_STATE, 1,
};

typedef enum role {
    CONV_W, /* of convolution i: CONV_W + 2 i, CONV_B + 2 i */
    CONV_B,
    LSTM_INPUT_W = 2 * AM_VAD_CONVS,
    LSTM_STATE_W,
    LSTM_INPUT_B,
    LSTM_STATE_B,
    OUTPUT_W,
    OUTPUT_B,
    BASIS,
} role;

/* Shapes outermost dimension first; rows and columns are those of the product. */
static const struct {
    const char *name;
    size_t rank, shape[3], n_rows, n_cols;
} expected[N_TENSORS] = {
    {"_model.encoder.0.reparam_conv.weight", 3, {128, 129, 3}, 128, 387},
    {"_model.encoder.0.reparam_conv.bias", 1, {128}, 1, 128},
    {"_model.encoder.1.reparam_conv.weight", 3, {64, 128, 3}, 64, 384},
    {"_model.encoder.1.reparam_conv.bias", 1, {64}, 1, 64},
    {"_model.encoder.2.reparam_conv.weight", 3, {64, 64, 3}, 64, 192},
    {"_model.encoder.2.reparam_conv.bias", 1, {64}, 1, 64},
    {"_model.encoder.3.reparam_conv.weight", 3, {128, 64, 3}, 128, 192},
    {"_model.encoder.3.reparam_conv.bias", 1, {128}, 1, 128},
    {"_model.decoder.rnn.weight_ih", 2, {512, 128}, 512, 128},
    {"_model.decoder.rnn.weight_hh", 2, {512, 128}, 512, 128},
    {"_model.decoder.rnn.bias_ih", 1, {512}, 1, 512},
    {"_model.decoder.rnn.bias_hh", 1, {512}, 1, 512},
    {"_model.decoder.decoder.2.weight", 1, {128}, 1, 128},
    {"_model.decoder.decoder.2.bias", 0, {0}, 1, 1},
    {"_model.stft.forward_basis_buffer", 3, {258, 1, 256}, N_FILTERS, AM_VAD_FRAME},
};

static am_status read_header(am_reader *reader, am_error *error) {
    uint32_t magic, n_kind, number;
    const unsigned char *text = NULL;
    AM_TRY(am__read_u32(reader, "magic", &magic, error));
    if (magic != MAGIC) AM_FAIL(error, AM_E_MODEL, "%s: not a ggml file", reader->source);
    AM_TRY(am__read_u32(reader, "kind", &n_kind, error));
    AM_TRY(am__read_bytes(reader, "kind", n_kind, &text, error));
    if (n_kind != sizeof kind - 1 || memcmp(text, kind, n_kind) != 0) {
        AM_FAIL(error, AM_E_MODEL, "%s: not a Silero model of 16 kHz", reader->source);
    }
    for (int i = 0; i < 3; i++) AM_TRY(am__read_u32(reader, "version", &number, error));
    for (size_t i = 0; i < sizeof geometry / sizeof *geometry; i++) {
        AM_TRY(am__read_u32(reader, "dimensions", &number, error));
        if (number != geometry[i]) {
            AM_FAIL(error, AM_E_UNSUPPORTED, "%s: dimension %zu is %u, expected %u",
                    reader->source, i, number, geometry[i]);
        }
    }
    return AM_OK;
}

static am_status find_role(am_reader *reader, uint32_t n_name, size_t *found, am_error *error) {
    const unsigned char *name = NULL;
    AM_TRY(am__read_bytes(reader, "a tensor's name", n_name, &name, error));
    for (size_t i = 0; i < N_TENSORS; i++) {
        if (n_name == strlen(expected[i].name) && memcmp(name, expected[i].name, n_name) == 0) {
            *found = i;
            return AM_OK;
        }
    }
    AM_FAIL(error, AM_E_MODEL, "%s: unknown tensor before offset %zu", reader->source, reader->at);
}

static am_status read_tensor(am_reader *reader, am_tensor tensors[N_TENSORS], am_error *error) {
    uint32_t rank, n_name, type, shape[3];
    size_t i = 0;
    const unsigned char *data = NULL;
    AM_TRY(am__read_u32(reader, "a tensor's rank", &rank, error));
    AM_TRY(am__read_u32(reader, "a tensor's name", &n_name, error));
    AM_TRY(am__read_u32(reader, "a tensor's type", &type, error));
    if (rank > 3 || type > 1) {
        AM_FAIL(error, AM_E_MODEL, "%s: tensor of rank %u and type %u before offset %zu",
                reader->source, rank, type, reader->at);
    }
    for (size_t d = 0; d < rank; d++) {
        AM_TRY(am__read_u32(reader, "a tensor's shape", &shape[rank - 1 - d], error));
    }
    AM_TRY(find_role(reader, n_name, &i, error));
    bool same = rank == expected[i].rank && tensors[i].data == NULL;
    for (size_t d = 0; same && d < rank; d++) same = shape[d] == expected[i].shape[d];
    if (!same) {
        AM_FAIL(error, AM_E_MODEL, "%s: %s has another shape or is there twice", reader->source,
                expected[i].name);
    }
    tensors[i] = (am_tensor){.name = expected[i].name,
                             .dtype = type == 0 ? AM_DTYPE_F32 : AM_DTYPE_F16,
                             .n_rows = expected[i].n_rows,
                             .n_cols = expected[i].n_cols};
    const size_t element = type == 0 ? sizeof(float) : sizeof(am_f16);
    AM_TRY(am__read_bytes(reader, tensors[i].name, tensors[i].n_rows * tensors[i].n_cols * element,
                          &data, error));
    tensors[i].data = data;
    return AM_OK;
}

static am_status read_tensors(am_reader *reader, am_tensor tensors[N_TENSORS], am_error *error) {
    while (am__reader_left(reader) > 0) AM_TRY(read_tensor(reader, tensors, error));
    for (size_t i = 0; i < N_TENSORS; i++) {
        if (tensors[i].data == NULL) {
            AM_FAIL(error, AM_E_MODEL, "%s: no tensor %s", reader->source, expected[i].name);
        }
    }
    return AM_OK;
}

/* weight [n_out, n_in]; bias [n_out] or NULL. */
static am_status pack(am_vad_matrix *matrix, const am_kernels *kernels, size_t n_out, size_t n_in,
                      const float *weight, const float *bias, am_error *error) {
    const size_t nr = kernels->gemm.nr;
    const size_t n_columns = (n_out + nr - 1) / nr * nr;
    matrix->n_in = n_in;
    matrix->n_out = n_out;
    AM_TRY(AM_NEW_RAW(&matrix->panels, n_columns * n_in, error));
    AM_TRY(AM_NEW(&matrix->bias, n_columns, error));
    am__gemm_pack_f32(weight, n_out, n_in, nr, matrix->panels);
    if (bias != NULL) memcpy(matrix->bias, bias, n_out * sizeof *bias);
    return AM_OK;
}

/* cos or -sin of 2 pi bin n / 256: the value of row `row` of the file's basis, without window. */
static double wave(size_t row, size_t n) {
    const size_t bin = row < AM_VAD_BINS ? row : row - AM_VAD_BINS;
    const double angle = 2 * PI * (double)(bin * n % AM_VAD_FRAME) / AM_VAD_FRAME;
    return row < AM_VAD_BINS ? cos(angle) : -sin(angle);
}

/* Rounding to f16 moves the basis by 2.5e-4; another window or transform by far more. */
static am_status check_basis(const am_tensor *basis, const float *window, float *values,
                             const char *source, am_error *error) {
    am__tensor_rows_f32(basis, 0, N_FILTERS, values);
    for (size_t row = 0; row < N_FILTERS; row++) {
        for (size_t n = 0; n < AM_VAD_FRAME; n++) {
            const double exact = (double)window[n] * wave(row, n);
            if (!(fabs((double)values[row * AM_VAD_FRAME + n] - exact) < 1e-3)) {
                AM_FAIL(error, AM_E_UNSUPPORTED, "%s: the basis of its spectrum is not that of a "
                        "Hann window", source);
            }
        }
    }
    return AM_OK;
}

static am_status make_dft(am_vad_model *model, float *values, am_error *error) {
    for (size_t n = 0; n < AM_VAD_FRAME; n++) {
        model->window[n] = (float)(0.5 - 0.5 * cos(2 * PI * (double)n / AM_VAD_FRAME));
    }
    static const struct {
        size_t n, first_bin, first_sample;
        bool sine;
    } parts[AM_VAD_FOLDS] = {
        [AM_VAD_COS_EVEN] = {65, 0, 0, false},
        [AM_VAD_COS_ODD] = {64, 1, 0, false},
        [AM_VAD_SIN_EVEN] = {63, 2, 1, true},
        [AM_VAD_SIN_ODD] = {64, 1, 1, true},
    };
    for (size_t part = 0; part < AM_VAD_FOLDS; part++) {
        const size_t n = parts[part].n;
        for (size_t i = 0; i < n; i++) {
            const size_t bin = parts[part].first_bin + 2 * i;
            const size_t row = parts[part].sine ? AM_VAD_BINS + bin : bin;
            for (size_t j = 0; j < n; j++) {
                values[i * n + j] = (float)wave(row, parts[part].first_sample + j);
            }
        }
        AM_TRY(pack(&model->dft[part], model->kernels, n, n, values, NULL, error));
    }
    return AM_OK;
}

/* Channel of the file that stands at place i of the magnitudes: even bins first. */
static size_t bin_at(size_t i) {
    return i < AM_VAD_BINS / 2 + 1 ? 2 * i : 2 * (i - AM_VAD_BINS / 2 - 1) + 1;
}

/* [out, in, 3] -> [out, 3, in]. */
static void reorder_conv(const float *from, size_t conv, size_t n_out, size_t n_in, float *to) {
    for (size_t o = 0; o < n_out; o++) {
        for (size_t c = 0; c < n_in; c++) {
            const size_t channel = conv == 0 ? bin_at(c) : c;
            for (size_t tap = 0; tap < 3; tap++) {
                to[(o * 3 + tap) * n_in + c] = from[(o * n_in + channel) * 3 + tap];
            }
        }
    }
}

/* values, reordered: [N_ELEMENTS_MAX] of scratch each. */
static am_status fill(am_vad_model *model, const am_tensor tensors[N_TENSORS], const char *source,
                      float *values, float *reordered, am_error *error) {
    float bias[AM_VAD_GATES], more[AM_VAD_GATES];
    AM_TRY(make_dft(model, values, error));
    AM_TRY(check_basis(&tensors[BASIS], model->window, values, source, error));
    for (size_t i = 0; i < AM_VAD_CONVS; i++) {
        const am_tensor *weight = &tensors[CONV_W + 2 * i];
        am__tensor_rows_f32(weight, 0, weight->n_rows, values);
        reorder_conv(values, i, weight->n_rows, weight->n_cols / 3, reordered);
        am__tensor_rows_f32(&tensors[CONV_B + 2 * i], 0, 1, bias);
        AM_TRY(pack(&model->conv[i], model->kernels, weight->n_rows, weight->n_cols, reordered,
                    bias, error));
    }
    am__tensor_rows_f32(&tensors[LSTM_INPUT_B], 0, 1, bias);
    am__tensor_rows_f32(&tensors[LSTM_STATE_B], 0, 1, more);
    for (size_t i = 0; i < AM_VAD_GATES; i++) bias[i] += more[i];
    am__tensor_rows_f32(&tensors[LSTM_INPUT_W], 0, AM_VAD_GATES, values);
    AM_TRY(pack(&model->lstm_input, model->kernels, AM_VAD_GATES, AM_VAD_STATE, values, bias,
                error));
    am__tensor_rows_f32(&tensors[LSTM_STATE_W], 0, AM_VAD_GATES, values);
    AM_TRY(pack(&model->lstm_state, model->kernels, AM_VAD_GATES, AM_VAD_STATE, values, NULL,
                error));
    am__tensor_rows_f32(&tensors[OUTPUT_W], 0, 1, model->output);
    am__tensor_rows_f32(&tensors[OUTPUT_B], 0, 1, &model->output_bias);
    return AM_OK;
}

am_status am__vad_model_open(const char *path, const am_kernels *kernels, am_vad_model **model,
                             am_error *error) {
    am_tensor tensors[N_TENSORS] = {0};
    am_map map = {0};
    am_vad_model *fresh = NULL;
    float *values = NULL;
    am_status status = am__map_open(path, &map, error);
    if (status != AM_OK) return status;
    am_reader reader = am__reader(&map, path);
    AM_TRY_DONE(read_header(&reader, error));
    AM_TRY_DONE(read_tensors(&reader, tensors, error));
    AM_TRY_DONE(AM_NEW(&fresh, 1, error));
    AM_TRY_DONE(AM_NEW_RAW(&values, 2 * N_ELEMENTS_MAX, error));
    fresh->kernels = kernels;
    AM_TRY_DONE(fill(fresh, tensors, path, values, values + N_ELEMENTS_MAX, error));
    *model = fresh;
    fresh = NULL;
done:
    am__free(values);
    am__vad_model_close(&fresh);
    am__map_close(&map);
    return status;
}

static void free_matrix(am_vad_matrix *matrix) {
    am__free(matrix->panels);
    am__free(matrix->bias);
}

void am__vad_model_close(am_vad_model **model) {
    if (*model == NULL) return;
    for (size_t i = 0; i < AM_VAD_FOLDS; i++) free_matrix(&(*model)->dft[i]);
    for (size_t i = 0; i < AM_VAD_CONVS; i++) free_matrix(&(*model)->conv[i]);
    free_matrix(&(*model)->lstm_input);
    free_matrix(&(*model)->lstm_state);
    am__free(*model);
    *model = NULL;
}
