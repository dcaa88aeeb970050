/*
 * Every optimisation that can be switched, on real speech: instruction set, arithmetic, batch,
 * threads, encoder context, speech detector, mode. What must not change a bit does not: text, times
 * and probabilities are the same over threads, batches and instruction sets, in 8 bits and in f32
 * (sums of floats are made in one order everywhere: kernels/simd/sums.inc). What may change the
 * text, context, detector and mode, keeps its word errors within a bound.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amanuensis.h"
#include "support/shared.h"

#define WORDS_MAX 512
#define ERRORS_MAX 0.05 /* of the reference's words; tiny.en reads the recording with none */

#define AVX2 AM_CPU_AVX2
#define AVXVNNI (AVX2 | AM_CPU_AVXVNNI)
#define AVX512 (AVX2 | AM_CPU_AVX512)
#define AVX512VNNI (AVX512 | AM_CPU_AVX512VNNI)
#define NEONDOT (AM_CPU_NEON | AM_CPU_NEONDOT)

/* Masks that share a group give equal bits; the first of a group is what the others are held to.
 * Not the full product: group a has every instruction set, thread count and batch size. */
typedef struct mask {
    char group;
    uint32_t cpu;
    am_compute_type type;
    int n_threads, batch_size, audio_ctx;
    am_mode mode;
    bool vad;
} mask;

#define INT8 AM_COMPUTE_INT8
#define F32 AM_COMPUTE_F32
#define BATCHED AM_MODE_BATCHED
#define SEQUENTIAL AM_MODE_SEQUENTIAL

static const mask masks[] = {
    {'a', AVX512VNNI, INT8, 1, 1, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'a', AVX512VNNI, INT8, 2, 8, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'a', AVX512VNNI, INT8, 3, 16, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'a', AVX512, INT8, 1, 8, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'a', AVX512, INT8, 2, 2, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'a', AVXVNNI, INT8, 2, 1, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'a', AVXVNNI, INT8, 3, 8, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'a', AVX2, INT8, 1, 16, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'a', AVX2, INT8, 3, 2, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'a', NEONDOT, INT8, 2, 8, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'a', AM_CPU_NEON, INT8, 1, 2, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'b', AM_CPU_ALL, INT8, 1, 8, AM_AUDIO_CTX_FULL, BATCHED, false},
    {'b', AVX2, INT8, 2, 2, AM_AUDIO_CTX_FULL, BATCHED, false},
    {'c', AM_CPU_ALL, INT8, 1, 1, AM_AUDIO_CTX_FULL, SEQUENTIAL, false},
    {'c', AVX2, INT8, 2, 1, AM_AUDIO_CTX_FULL, SEQUENTIAL, false},
    {'d', AM_CPU_ALL, INT8, 2, 8, AM_AUDIO_CTX_AUTO, BATCHED, true},
    {'d', AVX2, INT8, 3, 2, AM_AUDIO_CTX_AUTO, BATCHED, true},
    {'e', AM_CPU_ALL, F32, 1, 1, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'e', AM_CPU_ALL, F32, 2, 8, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'e', AVX512, F32, 3, 2, AM_AUDIO_CTX_AUTO, BATCHED, false},
    {'e', AVX2, F32, 2, 8, AM_AUDIO_CTX_AUTO, BATCHED, false},
};

#define N_MASKS (sizeof masks / sizeof *masks)

typedef struct recording {
    char model[4096], vad[4096], audio[4096], text[4096];
} recording;

static void require(am_status status, const am_error *error) {
    if (status == AM_OK) return;
    fprintf(stderr, "%s: %s\n", am_status_name(status), error->detail);
    exit(EXIT_FAILURE);
}

static am_result *transcribe(const recording *r, const mask *m, const char **isa) {
    am_error error;
    am_engine *engine = NULL;
    am_session *session = NULL;
    am_audio *audio = NULL;
    am_result *result = NULL;
    am_engine_options options;
    am_params params;
    am_engine_options_init(&options);
    am_params_init(&params);
    options.compute_type = m->type;
    options.n_threads = m->n_threads;
    options.vad_model = r->vad;
    params.language = "en";
    params.beam_size = 2;
    params.mode = m->mode;
    params.batch_size = m->batch_size;
    params.audio_ctx = m->audio_ctx;
    params.vad_filter = m->vad;
    params.word_timestamps = true;
    am_cpu_set_mask(m->cpu);
    require(am_engine_open(r->model, &options, &engine, &error), &error);
    am_cpu_set_mask(AM_CPU_ALL);
    *isa = am_engine_get_info(engine).isa; /* a string constant */
    require(am_session_new(engine, &session, &error), &error);
    require(am_audio_open_file(r->audio, NULL, &audio, &error), &error);
    require(am_transcribe(session, audio, &params, NULL, &result, &error), &error);
    am_audio_close(&audio);
    am_session_free(&session);
    am_engine_close(&engine);
    return result;
}

/* Whether two results agree to the last bit of what the model computed. */
static bool same_words(const am_segment *x, const am_segment *y) {
    if (x->n_words != y->n_words) return false;
    for (size_t w = 0; w < x->n_words; w++) {
        const am_word *a = &x->words[w];
        const am_word *b = &y->words[w];
        if (strcmp(a->text, b->text) != 0 || a->start != b->start || a->end != b->end ||
            a->probability != b->probability) {
            return false;
        }
    }
    return true;
}

static bool same(const am_result *a, const am_result *b) {
    size_t n = 0;
    size_t m = 0;
    const am_segment *x = am_result_segments(a, &n);
    const am_segment *y = am_result_segments(b, &m);
    if (n != m || strcmp(am_result_text(a), am_result_text(b)) != 0) return false;
    for (size_t i = 0; i < n; i++) {
        if (x[i].start != y[i].start || x[i].end != y[i].end ||
            x[i].avg_logprob != y[i].avg_logprob || x[i].n_tokens != y[i].n_tokens ||
            x[i].no_speech_prob != y[i].no_speech_prob ||
            memcmp(x[i].tokens, y[i].tokens, x[i].n_tokens * sizeof *x[i].tokens) != 0 ||
            !same_words(&x[i], &y[i])) {
            return false;
        }
    }
    return true;
}

/* Cuts text into words of lower-case letters, digits and apostrophes, in place. */
static size_t split(char *text, char **words) {
    size_t n = 0;
    bool inside = false;
    for (char *at = text; *at != '\0'; at++) {
        const bool letter = isalnum((unsigned char)*at) || *at == '\'';
        if (letter && !inside && n < WORDS_MAX) words[n++] = at;
        inside = letter;
        *at = letter ? (char)tolower((unsigned char)*at) : '\0';
    }
    return n;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Levenshtein distance of the words over the reference's number. */
static double error_rate(const char *reference, const char *text) {
    static char copies[2][8192];
    static char *words[2][WORDS_MAX];
    static size_t row[WORDS_MAX + 1];
    snprintf(copies[0], sizeof copies[0], "%s", reference);
    snprintf(copies[1], sizeof copies[1], "%s", text);
    const size_t n = split(copies[0], words[0]);
    const size_t m = split(copies[1], words[1]);
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            const size_t other = strcmp(words[0][i - 1], words[1][j - 1]) != 0;
            const size_t here = least(diagonal + other, least(row[j], row[j - 1]) + 1);
            diagonal = row[j];
            row[j] = here;
        }
    }
    return n == 0 ? 1.0 : (double)row[m] / (double)n;
}

static void find(char *path, size_t size, const char *name) {
    const char *found = shared_path(name);
    if (found == NULL) exit(77);
    snprintf(path, size, "%s", found);
}

static void load(recording *r) {
    char path[4096];
    find(r->model, sizeof r->model, "models/whisper-tiny.en");
    find(r->vad, sizeof r->vad, "models/ggml-silero-v6.2.0.bin");
    find(r->audio, sizeof r->audio, "audio/english/misc/jfk.flac");
    find(path, sizeof path, "audio/english/misc/jfk.txt");
    FILE *file = fopen(path, "rb");
    if (file == NULL) exit(EXIT_FAILURE);
    r->text[fread(r->text, 1, sizeof r->text - 1, file)] = '\0';
    fclose(file);
}

int main(void) {
    static recording r;
    am_result *first = NULL;
    char group = '\0';
    int n_bad = 0;
    size_t n_run = 0;
    load(&r);
    const uint32_t flags = am_cpu_flags();
    for (size_t i = 0; i < N_MASKS; i++) {
        const mask *m = &masks[i];
        const char *isa = "";
        if (m->cpu != AM_CPU_ALL && (m->cpu & flags) != m->cpu) continue;
        am_result *result = transcribe(&r, m, &isa);
        const double rate = error_rate(r.text, am_result_text(result));
        const bool begins = m->group != group;
        const bool equal = begins || same(first, result);
        const bool near = rate <= ERRORS_MAX;
        printf("%c %s %s, %d threads, batch %d, context %s, %s, VAD %s: word errors %.1f %%%s%s\n",
               m->group, isa, m->type == INT8 ? "int8" : "f32", m->n_threads, m->batch_size,
               m->audio_ctx == AM_AUDIO_CTX_AUTO ? "auto" : "full",
               m->mode == BATCHED ? "batched" : "sequential", m->vad ? "on" : "off", 100 * rate,
               near ? "" : ", TOO MANY", equal ? "" : ", OTHER BITS than the group's first");
        n_bad += !near || !equal;
        n_run++;
        if (begins) {
            am_result_free(&first);
            first = result;
            group = m->group;
        } else {
            am_result_free(&result);
        }
    }
    am_result_free(&first);
    printf("%zu of %zu masks run on this CPU, %d wrong\n", n_run, N_MASKS, n_bad);
    return n_bad == 0 && n_run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
