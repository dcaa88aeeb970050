/*
 * Encoder, logits and greedy tokens against openai/whisper's, from the golden spectrogram on, with
 * the kernels of this CPU. The bounds are those of docs/accuracy.md.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/fallback.h"
#include "encoder/encoder.h"
#include "support/npy.h"
#include "support/shared.h"

#define N_FRAMES 3000
#define N_MELS 80
#define STATES_RELATIVE_RMS 1e-3
#define LOGITS_MAX_DELTA 0.02

typedef struct fixture {
    am_exec exec;
    am_model *model;
    am_encoder *encoder;
    am_encoder_space *space;
    am_decoder *decoder;
    am_cross *cross;
    am_search *search;
    am_tokenizer *tokenizer;
    npy mel, states, tokens, logits;
} fixture;

static void require(am_status status, const am_error *error) {
    if (status == AM_OK) return;
    fprintf(stderr, "%s: %s\n", am_status_name(status), error->detail);
    exit(EXIT_FAILURE);
}

static void load_golden(const char *name, npy *array) {
    const char *path = shared_path(name);
    if (path == NULL) exit(77);
    if (npy_load(path, array) != 0) exit(EXIT_FAILURE);
}

static void set_up(fixture *f) {
    am_error error;
    const char *path = shared_path("models/whisper-tiny.en");
    if (path == NULL) exit(77);
    *f = (fixture){.exec = {.kernels = am__kernels()}};
    require(am__model_open(path, &f->model, &error), &error);
    require(am__team_new(2, &f->exec.team, &error), &error);
    require(am__encoder_new(f->model, AM_COMPUTE_F32, f->exec.kernels, &f->encoder, &error),
            &error);
    require(am__encoder_space_new(f->encoder, &f->exec, &f->space, &error), &error);
    require(am__decoder_new(f->model, AM_COMPUTE_F32, f->exec.kernels, &f->decoder, &error),
            &error);
    require(am__cross_new(f->decoder, &f->cross, &error), &error);
    require(am__search_new(f->decoder, 1, 5, &f->search, &error), &error);
    size_t n = 0;
    const am_token_bytes *vocabulary = am__model_vocabulary(f->model, &n);
    require(am__tokenizer_new(vocabulary, n, &f->tokenizer, &error), &error);
    load_golden("golden/tiny.en/jfk.mel.npy", &f->mel);
    load_golden("golden/tiny.en/jfk.encoder.npy", &f->states);
    load_golden("golden/tiny.en/jfk.tokens.npy", &f->tokens);
    load_golden("golden/tiny.en/jfk.logits.npy", &f->logits);
}

static void tear_down(fixture *f) {
    npy *arrays[] = {&f->mel, &f->states, &f->tokens, &f->logits};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) npy_free(arrays[i]);
    am__tokenizer_free(&f->tokenizer);
    am__search_free(&f->search);
    am__cross_free(&f->cross);
    am__decoder_free(&f->decoder);
    am__encoder_space_free(&f->space);
    am__encoder_free(&f->encoder);
    am__team_free(&f->exec.team);
    am__model_close(&f->model);
}

static bool report(const char *what, double found, double bound) {
    printf("%s: %.2e (bound %.0e)\n", what, found, bound);
    return found <= bound;
}

/* Encodes the golden spectrogram; leaves the cross-attention ready. */
static bool check_encoder(fixture *f) {
    float *input = am__encoder_input(f->space, f->encoder);
    for (size_t t = 0; t < N_FRAMES; t++) {
        for (size_t m = 0; m < N_MELS; m++) input[t * N_MELS + m] = f->mel.f32[m * N_FRAMES + t];
    }
    const float *states = am__encoder_run(f->encoder, &f->exec, f->space, N_FRAMES / 2);
    double error = 0;
    double power = 0;
    for (size_t i = 0; i < f->states.n; i++) {
        const double want = (double)f->states.f32[i];
        error += ((double)states[i] - want) * ((double)states[i] - want);
        power += want * want;
    }
    am__cross_run(f->decoder, &f->exec, states, N_FRAMES / 2, f->cross);
    return report("encoder states, relative RMS", sqrt(error / power), STATES_RELATIVE_RMS);
}

static size_t argmax(const float *x, size_t n) {
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        if (x[i] > x[best]) best = i;
    }
    return best;
}

static bool check_logits(fixture *f) {
    am_error error;
    const size_t n_tokens = f->tokens.n;
    const size_t n_vocab = f->logits.n / n_tokens;
    float *logits = calloc(f->logits.n, sizeof *logits);
    if (logits == NULL) return false;
    require(am__search_forced_logits(f->search, &f->exec, f->tokens.i32, n_tokens, f->cross, logits,
                                     &error),
            &error);
    double worst = 0;
    size_t n_other = 0;
    for (size_t i = 0; i < n_tokens; i++) {
        const float *ours = logits + i * n_vocab;
        const float *want = f->logits.f32 + i * n_vocab;
        for (size_t v = 0; v < n_vocab; v++) {
            worst = fmax(worst, fabs((double)ours[v] - (double)want[v]));
        }
        if (argmax(ours, n_vocab) != argmax(want, n_vocab)) n_other++;
    }
    free(logits);
    printf("teacher-forced: %zu of %zu steps have another argmax\n", n_other, n_tokens);
    return report("teacher-forced logits, max |delta|", worst, LOGITS_MAX_DELTA) && n_other == 0;
}

/* The golden sequence is prompt, sampled tokens, end; ours is what greedy search samples. */
static bool check_greedy(fixture *f) {
    am_error error;
    am_params params;
    am_plan plan;
    am_attempt attempt;
    am_params_init(&params);
    params.beam_size = 1;
    params.n_temperatures = 1;
    require(am__attempt_init(&attempt, 0, &error), &error);
    require(am__plan_init(&plan, &params, f->tokenizer, am__model_dims(f->model), "en", &error),
            &error);
    const am_window_input input = {.first = true, .cross = f->cross};
    bool again = false;
    require(am__attempt_begin(&attempt, f->search, &plan, &input, &error), &error);
    while (!am__search_done(f->search, 0)) {
        require(am__search_step(f->search, &f->exec, &error), &error);
    }
    require(am__attempt_take(&attempt, f->search, &plan, &again, &error), &error);
    const am_tokens *found = &attempt.decoded.tokens;
    const size_t n_prompt = plan.sot_sequence.n;
    bool same = found->n + n_prompt + 1 == f->tokens.n;
    for (size_t i = 0; same && i < found->n; i++) {
        same = found->ids[i] == f->tokens.i32[n_prompt + i];
    }
    printf("greedy tokens: %zu sampled, %s\n", found->n, same ? "identical" : "different");
    am__attempt_free(&attempt);
    am__plan_free(&plan);
    return same;
}

int main(void) {
    fixture f;
    set_up(&f);
    printf("kernels: %s\n", f.exec.kernels->isa);
    bool good = check_encoder(&f);
    good &= check_logits(&f);
    good &= check_greedy(&f);
    tear_down(&f);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
