/* The loop over levels and tests, the command line and the clock: see check.h. */
#include "check.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "amanuensis.h"
#include "buffers.h"

#define DEFAULT_SEED 20240229

typedef struct level {
    const char *name;
    uint32_t mask;              /* flags that are let through; all of them are needed */
    const am_kernels *emulated; /* this table, or NULL: by dispatch */
    bool s8_only;               /* the f32 kernels are those of another level */
} check_level;

#define AVXVNNI (AM_CPU_AVX2 | AM_CPU_AVXVNNI)
#define AVX512 (AM_CPU_AVX2 | AM_CPU_AVX512)
#define AVX512VNNI (AVX512 | AM_CPU_AVX512VNNI)

static const check_level levels[] = {
    {"ref", 0, NULL, false},
#if defined(__x86_64__)
    {"avx2", AM_CPU_AVX2, NULL, false},
    {"avxvnni", AVXVNNI, NULL, true},
    {"avxvnni-emulated", AM_CPU_AVX2, &am__kernels__avxvnni_emulated, true},
    {"avx512", AVX512, NULL, false},
    {"avx512vnni", AVX512VNNI, NULL, true},
#elif defined(__aarch64__)
    {"neon", AM_CPU_NEON, NULL, false},
    {"neondot", AM_CPU_NEON | AM_CPU_NEONDOT, NULL, true},
#endif
#if defined(HAVE_EMULATED_AVX512)
    {"avx512-emulated", 0, &am__kernels__avx512_emulated, false},
    {"avx512vnni-emulated", 0, &am__kernels__avx512vnni_emulated, true},
#else /* SIMDe is not installed: skipped by name */
    {"avx512-emulated", UINT32_MAX, NULL, false},
    {"avx512vnni-emulated", UINT32_MAX, NULL, true},
#endif
};

static const check_test *const suites[] = {
    check_s4_tests,   check_s8_tests,     check_attn_s8_tests, check_peak_tests,
    check_gemm_tests, check_vector_tests, check_rows_tests,
};
#define N_S8_SUITES 4 /* the first: of what levels that only add integer products do have */

typedef struct options {
    const char *test;
    const char *isa;
    const char *best; /* the level that dispatch has to take on this machine */
    uint64_t seed;
    bool bench, list;
} check_options;

static sigjmp_buf crash_exit;

static void on_crash(int number) {
    siglongjmp(crash_exit, number);
}

static void catch_crashes(void) {
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    struct sigaction action = {.sa_handler = on_crash};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        sigaction(numbers[i], &action, NULL);
    }
}

/* The part after --name=, if the argument is that option. */
static const char *value_of(const char *argument, const char *name) {
    const size_t length = strlen(name);
    return strncmp(argument, name, length) == 0 ? argument + length : NULL;
}

static bool parse_options(int argc, char **argv, check_options *out) {
    for (int i = 1; i < argc; i++) {
        const char *value;
        char *end = NULL;
        if (strcmp(argv[i], "--bench") == 0) {
            out->bench = true;
        } else if (strcmp(argv[i], "--list") == 0) {
            out->list = true;
        } else if ((value = value_of(argv[i], "--test=")) != NULL) {
            out->test = value;
        } else if ((value = value_of(argv[i], "--isa=")) != NULL) {
            out->isa = value;
        } else if ((value = value_of(argv[i], "--best=")) != NULL) {
            out->best = value;
        } else if ((value = value_of(argv[i], "--seed=")) != NULL) {
            errno = 0;
            out->seed = strtoull(value, &end, 0);
            if (errno != 0 || end == value || *end != '\0') return false;
        } else {
            return false;
        }
    }
    return true;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

double check_seconds(bench_fn *run, const am_kernels *kernels, void *data) {
    double start = now();
    run(kernels, data);
    const double once = now() - start;
    const int n_calls = once < 1e-3 ? (int)(5e-4 / (once + 1e-8)) + 1 : 1;
    double best = once;
    const int n_rounds = once < 1e-3 ? 60 : 12; /* short ones: some fall between other programs */
    for (int round = 0; round < n_rounds; round++) {
        start = now();
        for (int i = 0; i < n_calls; i++) run(kernels, data);
        const double each = (now() - start) / n_calls;
        if (each < best) best = each;
    }
    return best;
}

void check_bench(check *c, bench_fn *run, void *data, double amount, const char *unit,
                 bool with_ref, const char *format, ...) {
    char name[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    const double seconds = check_seconds(run, c->kernels, data);
    printf("  %-34s %12.3f us %9.2f %s", name, seconds * 1e6, amount / seconds * 1e-9, unit);
    if (with_ref) printf("  %8.1f x ref", check_seconds(run, &am__kernels_ref, data) / seconds);
    printf("\n");
}

/* Whether the test passed. */
static bool run_test(check *c, const check_test *test, const check_level *level,
                     const check_options *options) {
    am__rng_seed(&c->rng, options->seed);
    c->n_cases = c->n_failures = c->n_outputs = c->n_slots_used = 0;
    c->name[0] = '\0';
    const int crash = sigsetjmp(crash_exit, 1);
    if (crash == 0) {
        test->run(c);
        buffers_release(c);
        if (c->n_cases == 0) printf("  no cases were run\n");
    } else {
        printf("  %s: %s\n", c->name, strsignal(crash));
    }
    const bool passed = crash == 0 && c->n_failures == 0 && c->n_cases > 0;
    printf("%-16s %-16s %6zu cases  %s\n", level->name, test->name, c->n_cases,
           passed ? "ok" : "FAILED");
    if (!passed) {
        printf("  reproduce: check --isa=%s --test=%s --seed=%llu\n", level->name, test->name,
               (unsigned long long)options->seed);
    } else if (options->bench && test->bench != NULL && level->emulated == NULL) {
        test->bench(c);
    }
    return passed;
}

static bool has_level(const check_level *level) {
    am_cpu_set_mask(AM_CPU_ALL);
    return (level->mask & ~am_cpu_flags()) == 0;
}

/* Everything of one level: adds to n_passed and n_failed. */
static void run_level(check *c, const check_level *level, const check_options *options,
                      size_t *n_passed, size_t *n_failed) {
    if (!has_level(level)) {
        printf("%-16s skipped: not on this machine\n", level->name);
        return;
    }
    am_cpu_set_mask(level->mask);
    c->kernels = level->emulated != NULL ? level->emulated : am__kernels();
    if (strcmp(c->kernels->isa, level->name) != 0) {
        printf("%-16s dispatch  FAILED: the table is that of %s\n", level->name, c->kernels->isa);
        ++*n_failed;
        return;
    }
    for (size_t i = 0; i < (level->s8_only ? N_S8_SUITES : sizeof suites / sizeof *suites); i++) {
        for (const check_test *test = suites[i]; test->name != NULL; test++) {
            if (options->test != NULL && strcmp(options->test, test->name) != 0) continue;
            ++*(run_test(c, test, level, options) ? n_passed : n_failed);
        }
    }
}

/* Whether dispatch takes the level by itself. */
static bool is_best(const char *name) {
    am_cpu_set_mask(AM_CPU_ALL);
    const char *isa = am__kernels()->isa;
    const bool is_it = strcmp(isa, name) == 0;
    printf("%-16s the best of this machine  %s%s\n", name, is_it ? "ok" : "FAILED: it is ",
           is_it ? "" : isa);
    return is_it;
}

static void list(void) {
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        printf("--isa=%s%s\n", levels[i].name, has_level(&levels[i]) ? "" : " (not here)");
    }
    for (size_t i = 0; i < sizeof suites / sizeof *suites; i++) {
        for (const check_test *test = suites[i]; test->name != NULL; test++) {
            printf("--test=%s\n", test->name);
        }
    }
}

int main(int argc, char **argv) {
    check_options options = {.seed = DEFAULT_SEED};
    if (!parse_options(argc, argv, &options)) {
        fprintf(stderr, "usage: check [--list] [--bench] [--isa=NAME] [--best=NAME] [--test=NAME] "
                        "[--seed=N]\n");
        return 2;
    }
    if (options.list) {
        list();
        return 0;
    }
    static check state;
    size_t n_passed = 0;
    size_t n_failed = 0;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    printf("seed %llu\n", (unsigned long long)options.seed);
    buffers_init(&state);
    catch_crashes();
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (options.isa != NULL && strcmp(options.isa, levels[i].name) != 0) continue;
        run_level(&state, &levels[i], &options, &n_passed, &n_failed);
    }
    if (options.best != NULL) ++*(is_best(options.best) ? &n_passed : &n_failed);
    printf("%zu passed, %zu failed\n", n_passed, n_failed);
    return n_failed > 0 || n_passed == 0;
}
