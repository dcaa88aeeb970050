/*
 * Time of a decoder step beside what the memory allows: weights are read once a step, keys and
 * values of the audio once a window. A model goes in, a table comes out.
 *
 *     build/bench/decoder_step MODEL [int8|int4|f32] [THREADS [WINDOWS BEAMS]]
 *
 * A step is the search's own: decoder, rules and choice of tokens, over windows of full length
 * whose encoder states are noise. Sequences grow from 24 to 120 tokens while it is timed. A round
 * is paired with a reading right before it, as what a virtual machine's memory gives may double
 * from one moment to the next; the columns are medians over the rounds, and the share is that of
 * the pairs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/rng.h"
#include "decoder/search.h"
#include "doubles.h"
#include "engine/engine.h"

#define READ_BYTES ((size_t)256 << 20)
#define READ_PARTS 64
#define WINDOWS_MAX 16
#define STEPS_BEFORE 24 /* from an empty sequence on */
#define STEPS 4         /* timed at once: */
#define ROUNDS 24       /* some rounds fall between other programs */

typedef struct shape {
    size_t n_windows, n_beams;
} shape;

typedef struct bench {
    const am_decoder *decoder;
    am_exec exec;
    am_cross *cross[WINDOWS_MAX];
    am_rules rules;
    am_special_tokens specials;
    int32_t silent[1]; /* the end token: no window ends while it is timed */
    uint64_t *words;   /* READ_BYTES of them, to be read */
} bench;

static void require(am_status status, const am_error *error) {
    if (status == AM_OK) return;
    fprintf(stderr, "decoder_step: %s: %s\n", am_status_name(status), error->detail);
    exit(EXIT_FAILURE);
}

/* ---- What memory gives --------------------------------------------------------------------- */

typedef struct read_job {
    const uint64_t *words;
    uint64_t sums[READ_PARTS];
} read_job;

static void read_part(void *context, size_t part, size_t n_parts) {
    read_job *job = context;
    const size_t n = READ_BYTES / sizeof *job->words / n_parts;
    const uint64_t *words = job->words + part * n;
    uint64_t sums[16] = {0};
    for (size_t i = 0; i + 16 <= n; i += 16) {
        for (size_t j = 0; j < 16; j++) sums[j] ^= words[i + j];
    }
    for (size_t j = 0; j < 16; j++) job->sums[part] ^= sums[j];
}

static void make_words(bench *b) {
    am_error error;
    require(AM_NEW_STREAMED(&b->words, READ_BYTES / sizeof *b->words, &error), &error);
    for (size_t i = 0; i < READ_BYTES / sizeof *b->words; i++) b->words[i] = i;
}

/* Bytes a second. */
static double read_words(const bench *b) {
    read_job job = {.words = b->words};
    const double start = am__now();
    am__team_run(b->exec.team, READ_PARTS, read_part, &job);
    return (double)READ_BYTES / (am__now() - start);
}

/* ---- A step -------------------------------------------------------------------------------- */

static void make_windows(bench *b, size_t n_windows) {
    const am_dims *dims = am__decoder_dims(b->decoder);
    const size_t n = (size_t)dims->n_audio_ctx * (size_t)dims->d_model;
    float *states = NULL;
    am_error error;
    am_rng rng;
    require(AM_NEW_RAW(&states, n, &error), &error);
    for (size_t w = 0; w < n_windows; w++) {
        am__rng_seed(&rng, w);
        for (size_t i = 0; i < n; i++) states[i] = (float)am__rng_uniform(&rng) * 4 - 2;
        require(am__cross_new(b->decoder, &b->cross[w], &error), &error);
        am__cross_run(b->decoder, &b->exec, states, (size_t)dims->n_audio_ctx, b->cross[w]);
    }
    am__free(states);
}

static void run_steps(am_search *search, const bench *b, int n_steps) {
    am_error error;
    for (int i = 0; i < n_steps; i++) require(am__search_step(search, &b->exec, &error), &error);
}

typedef struct rounds {
    double seconds[ROUNDS];   /* of a step */
    double bandwidth[ROUNDS]; /* bytes a second right before it */
    double product[ROUNDS];   /* bytes that could have been read instead */
} rounds;

static double median(double values[ROUNDS]) {
    sort_doubles(values, ROUNDS);
    return (values[ROUNDS / 2 - 1] + values[ROUNDS / 2]) / 2;
}

static void time_steps(const bench *b, const shape *s, rounds *out) {
    const am_search_options options = {.n_beams = s->n_beams, .n_samples = 1, .patience = 1,
                                       .length_penalty = -1, .n_new_max = 200};
    am_search *search = NULL;
    am_error error;
    require(am__search_new(b->decoder, s->n_windows, s->n_beams, &search, &error), &error);
    for (size_t w = 0; w < s->n_windows; w++) {
        const am_search_input input = {&b->specials.sot, 1, 0, b->cross[w], &b->rules};
        am__search_begin(search, w, &input, &options);
    }
    run_steps(search, b, STEPS_BEFORE);
    for (int round = 0; round < ROUNDS; round++) {
        out->bandwidth[round] = read_words(b);
        const double start = am__now();
        run_steps(search, b, STEPS);
        out->seconds[round] = (am__now() - start) / STEPS;
        out->product[round] = out->seconds[round] * out->bandwidth[round];
    }
    am__search_free(&search);
}

static void report(const bench *b, const shape *s) {
    const am_dims *dims = am__decoder_dims(b->decoder);
    rounds all;
    time_steps(b, s, &all);
    const double seconds = median(all.seconds);
    /* The least that has to be read, whatever the program does: 8-bit weights, 8-bit windows. */
    const double layer = 14.0 * dims->d_model * dims->d_model;
    const double weights = layer * dims->n_decoder_layers + (double)dims->n_vocab * dims->d_model;
    const double window = 2.0 * dims->n_decoder_layers * dims->n_audio_ctx * dims->d_model;
    const double bytes = weights + window * (double)s->n_windows;
    printf("%7zu %6zu %6zu %10.3f %10.1f %8.1f %8.1f %7.0f %%\n", s->n_windows, s->n_beams,
           s->n_windows * s->n_beams, 1e3 * seconds, 1e-6 * bytes, 1e-9 * bytes / seconds,
           1e-9 * median(all.bandwidth), 100 * bytes / median(all.product));
}

static const char *const names[] = {"f32", "int8", "int4"};

static am_compute_type type_of(const char *name) {
    for (int i = 0; i < 3; i++) {
        if (strcmp(names[i], name) == 0) return (am_compute_type)i;
    }
    return AM_COMPUTE_INT8;
}

int main(int argc, char **argv) {
    static const shape usual[] = {{1, 1}, {1, 5}, {8, 1}, {16, 1}, {16, 5}};
    static bench b;
    shape asked = {1, 1};
    if (argc > 5) asked = (shape){(size_t)atoi(argv[4]), (size_t)atoi(argv[5])};
    const shape *shapes = argc > 5 ? &asked : usual;
    const size_t n_shapes = argc > 5 ? 1 : sizeof usual / sizeof *usual;
    if (argc < 2 || asked.n_windows - 1 >= WINDOWS_MAX || asked.n_beams == 0) {
        fprintf(stderr, "usage: decoder_step MODEL [int8|int4|f32] [THREADS [WINDOWS BEAMS]]\n");
        return 2;
    }
    am_engine_options options;
    am_engine *engine = NULL;
    am_error error;
    am_engine_options_init(&options);
    options.compute_type = type_of(argc > 2 ? argv[2] : "int8");
    if (argc > 3) options.n_threads = atoi(argv[3]);
    require(am_engine_open(argv[1], &options, &engine, &error), &error);
    b.decoder = engine->decoder;
    b.exec.kernels = engine->kernels;
    b.specials = *am__tokenizer_specials(engine->tokenizer);
    b.silent[0] = b.specials.eot;
    b.rules = (am_rules){.specials = &b.specials, .n_vocab = (size_t)engine->dims.n_vocab,
                         .suppress = b.silent, .n_suppress = 1, .timestamps = true,
                         .max_initial = 50};
    require(am__team_new(engine->n_threads, &b.exec.team, &error), &error);
    require(am__alloc(am__decoder_workspace(b.decoder, &b.exec), 1, &b.exec.workspace, &error),
            &error);
    make_words(&b);
    make_windows(&b, WINDOWS_MAX);
    printf("%s, %s, %d threads, %s\n", engine->name,
           names[am_engine_get_info(engine).compute_type], engine->n_threads,
           engine->kernels->isa);
    printf("windows  beams   rows    ms/step    MB/step     GB/s     read    share\n");
    for (size_t i = 0; i < n_shapes; i++) report(&b, &shapes[i]);
    for (size_t w = 0; w < WINDOWS_MAX; w++) am__cross_free(&b.cross[w]);
    am__free(b.words);
    am__free(b.exec.workspace);
    am__team_free(&b.exec.team);
    am_engine_close(&engine);
    return 0;
}
