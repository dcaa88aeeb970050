/*
 * Two texts of one window, weighed: where their tokens first part, how far apart the model's logits
 * for the two tokens are, and how probable each whole sequence is. Beams nearer than the rounding
 * of the audio are ties, and this shows whether a text that differs from the original's is one.
 *
 *     logit_gap MODEL LANGUAGE AUDIO SEEK OURS THEIRS
 *
 * SEEK is the window's first frame (of 10 ms); OURS and THEIRS are the sampled tokens with commas
 * between them. Printed once for the audio as we decode it and once rounded to 16 bits, as the
 * original's decoder rounds it.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/plan.h"
#include "decoder/search.h"
#include "encoder/encoder.h"
#include "segments/frames.h"

#define N_SAMPLES_MAX ((size_t)900 * AM_SAMPLE_RATE)
#define N_TOKENS_MAX 448

typedef struct sequence {
    int32_t ids[N_TOKENS_MAX];
    size_t n;
} sequence;

typedef struct bench {
    am_exec exec;
    am_model *model;
    am_encoder *encoder;
    am_encoder_space *space;
    am_decoder *decoder;
    am_cross *cross;
    am_search *search;
    am_tokenizer *tokenizer;
    am_params params;
    am_plan plan;
} bench;

static void require(am_status status, const am_error *error) {
    if (status == AM_OK) return;
    fprintf(stderr, "logit_gap: %s: %s\n", am_status_name(status), error->detail);
    exit(EXIT_FAILURE);
}

static void set_up(bench *b, const char *model, const char *language) {
    am_error error;
    size_t n = 0;
    *b = (bench){.exec = {.kernels = am__kernels()}};
    require(am__model_open(model, &b->model, &error), &error);
    require(am__team_new(2, &b->exec.team, &error), &error);
    require(am__encoder_new(b->model, AM_COMPUTE_F32, b->exec.kernels, &b->encoder, &error),
            &error);
    require(am__encoder_space_new(b->encoder, &b->exec, &b->space, &error), &error);
    require(am__decoder_new(b->model, AM_COMPUTE_F32, b->exec.kernels, &b->decoder, &error),
            &error);
    require(am__cross_new(b->decoder, &b->cross, &error), &error);
    require(am__search_new(b->decoder, 1, 5, &b->search, &error), &error);
    const am_token_bytes *vocabulary = am__model_vocabulary(b->model, &n);
    require(am__tokenizer_new(vocabulary, n, &b->tokenizer, &error), &error);
    am_params_init(&b->params);
    require(am__plan_init(&b->plan, &b->params, b->tokenizer, am__model_dims(b->model), language,
                          &error),
            &error);
}

static void tear_down(bench *b) {
    am__plan_free(&b->plan);
    am__tokenizer_free(&b->tokenizer);
    am__search_free(&b->search);
    am__cross_free(&b->cross);
    am__decoder_free(&b->decoder);
    am__encoder_space_free(&b->space);
    am__encoder_free(&b->encoder);
    am__team_free(&b->exec.team);
    am__model_close(&b->model);
}

static sequence parse_tokens(const char *text) {
    sequence s = {.n = 0};
    while (*text != '\0') {
        char *end = NULL;
        const long id = strtol(text, &end, 10);
        if (end == text || id < 0 || id > INT32_MAX || s.n == N_TOKENS_MAX) {
            fprintf(stderr, "logit_gap: '%s' is no list of tokens\n", text);
            exit(EXIT_FAILURE);
        }
        s.ids[s.n++] = (int32_t)id;
        text = *end == ',' ? end + 1 : end;
    }
    return s;
}

/* All samples of a file; the caller frees them. */
static float *read_samples(const char *path, size_t *n_samples) {
    am_error error;
    am_audio *audio = NULL;
    float *samples = calloc(N_SAMPLES_MAX, sizeof *samples);
    size_t n = 1;
    if (samples == NULL) exit(EXIT_FAILURE);
    require(am_audio_open_file(path, NULL, &audio, &error), &error);
    for (*n_samples = 0; n > 0 && *n_samples < N_SAMPLES_MAX; *n_samples += n) {
        require(am_audio_read(audio, samples + *n_samples, N_SAMPLES_MAX - *n_samples, &n, &error),
                &error);
    }
    am_audio_close(&audio);
    return samples;
}

/* Leaves the window at frame `seek` in the cross-attention. */
static void encode(bench *b, const float *samples, size_t n_samples, size_t seek) {
    am_error error;
    am_audio *audio = NULL;
    am_frames *frames = NULL;
    size_t n_frames = 0;
    require(am_audio_open_pcm(samples, n_samples, &audio, &error), &error);
    require(am__frames_new(audio, am__model_dims(b->model)->n_mels, b->exec.kernels, &frames,
                           &error),
            &error);
    require(am__frames_seek(frames, seek, &n_frames, &error), &error);
    const size_t n_ctx = (size_t)am__model_dims(b->model)->n_audio_ctx;
    am__frames_copy(frames, seek, 2 * n_ctx, am__encoder_input(b->space, b->encoder));
    const float *states = am__encoder_run(b->encoder, &b->exec, b->space, n_ctx);
    am__cross_run(b->decoder, &b->exec, states, n_ctx, b->cross);
    am__frames_free(&frames);
    am_audio_close(&audio);
}

/* Mean log-probability of a sequence's tokens under the rules (a transcript keeps no token behind
 * its last pair of timestamps, so the end is left out); logits: those of the two tokens after
 * `n_before` of them. */
static double score(bench *b, const sequence *s, size_t n_before, const int32_t tokens[2],
                    double logits[2]) {
    am_error error;
    const size_t n_vocab = (size_t)am__model_dims(b->model)->n_vocab;
    const am_tokens *prompt = &b->plan.sot_sequence;
    const size_t n_all = prompt->n + s->n;
    int32_t *all = calloc(n_all, sizeof *all);
    float *rows = calloc(n_all * n_vocab, sizeof *rows);
    if (all == NULL || rows == NULL) exit(EXIT_FAILURE);
    memcpy(all, prompt->ids, prompt->n * sizeof *all);
    memcpy(all + prompt->n, s->ids, s->n * sizeof *all);
    require(am__search_forced_logits(b->search, &b->exec, all, n_all, b->cross, rows, &error),
            &error);
    double sum = 0;
    for (size_t i = 0; i <= s->n; i++) {
        float *row = rows + (prompt->n - 1 + i) * n_vocab;
        for (int k = 0; i == n_before && k < 2; k++) logits[k] = (double)row[tokens[k]];
        if (i == s->n) break;
        const float wanted = row[s->ids[i]];
        am__rules_apply(&b->plan.rules, b->exec.kernels, s->ids, i, row);
        if (row[s->ids[i]] == -INFINITY && sum > -INFINITY) {
            printf("token %zu, %d: forbidden: timestamps together are %.5f more probable (log)\n",
                   i, s->ids[i],
                   (double)(b->exec.kernels->logsumexp_f32(row, n_vocab) - wanted));
        }
        sum += (double)(row[s->ids[i]] - b->exec.kernels->logsumexp_f32(row, n_vocab));
    }
    free(all);
    free(rows);
    return sum / (double)(s->n > 0 ? s->n : 1);
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: logit_gap MODEL LANGUAGE AUDIO SEEK OURS THEIRS\n");
        return EXIT_FAILURE;
    }
    bench b;
    size_t n_samples = 0, at = 0;
    const sequence ours = parse_tokens(argv[5]), theirs = parse_tokens(argv[6]);
    while (at < ours.n && at < theirs.n && ours.ids[at] == theirs.ids[at]) at++;
    set_up(&b, argv[1], argv[2]);
    float *samples = read_samples(argv[3], &n_samples);
    const int32_t eot = b.plan.specials->eot;
    const int32_t tokens[2] = {at < ours.n ? ours.ids[at] : eot,
                               at < theirs.n ? theirs.ids[at] : eot};
    const char *const kinds[] = {"as decoded", "rounded to 16 bits"};
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; k == 1 && i < n_samples; i++) {
            samples[i] = fmaxf(-32768.0f, fminf(32767.0f, rintf(samples[i] * 32768.0f))) / 32768.0f;
        }
        double logits[2], unused[2];
        encode(&b, samples, n_samples, strtoul(argv[4], NULL, 10));
        const double a = score(&b, &ours, at, tokens, logits);
        const double c = score(&b, &theirs, at, tokens, unused);
        printf("%s: token %zu, ours %d logit %.4f, original's %d logit %.4f, gap %.4f; "
               "mean log-probability ours %.5f, original's %.5f, gap %.5f\n",
               kinds[k], at, tokens[0], logits[0], tokens[1], logits[1], logits[0] - logits[1], a,
               c, a - c);
    }
    free(samples);
    tear_down(&b);
    return EXIT_SUCCESS;
}
