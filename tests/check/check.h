/*
 * The kernel checker, after VideoLAN's checkasm: every kernel of every instruction set this machine
 * has, through the production dispatch, against the reference or a double-precision computation.
 *
 * A test names each case, takes inputs that end (or begin) at an unreadable page and outputs
 * surrounded by canaries, calls the kernel of check->kernels and compares. Tolerances follow from
 * the length of the sums, not from what the kernels happen to reach.
 */
#ifndef AM_TESTS_CHECK_CHECK_H
#define AM_TESTS_CHECK_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "kernels/kernels.h"

#define CHECK_EPSILON 5.9604645e-8 /* 2^-24: relative error of one rounding */
#define CHECK_TINY 1.5e-45         /* one step of denormals */
#define CHECK_SLOTS 8

typedef struct check_output {
    unsigned char *start; /* of the canary in front */
    size_t behind;        /* bytes of canary behind, or 0: a guard page */
    size_t n_rows, row_bytes, stride_bytes;
} check_output;

typedef struct check {
    const am_kernels *kernels; /* under test */
    am_rng rng;
    char name[160]; /* of the case that runs */
    size_t n_cases;
    size_t n_failures;
    unsigned char *slots[CHECK_SLOTS]; /* readable parts, each between two guard pages */
    size_t n_slots_used;
    check_output outputs[CHECK_SLOTS];
    size_t n_outputs;
} check;

typedef void check_fn(check *c);

typedef struct check_test {
    const char *name;
    check_fn *run;
    check_fn *bench; /* prints its own lines; NULL where another test's covers the kernel */
} check_test;

/* Checks the canaries of the case before, frees its buffers and names the next one. */
void check_case(check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* n elements against a guard page, uniform in [-1, 1) for floats. */
float *check_floats(check *c, size_t n);
void *check_bytes(check *c, size_t n_bytes);
/* rows x columns elements, rows `stride` elements apart, canaries between and around them,
 * or a guard page behind. */
void *check_out(check *c, size_t n_rows, size_t n_columns, size_t stride, size_t element);

/* One value against what it should be: equal where infinite, NaN where NaN. */
void check_near(check *c, double got, double want, double tolerance, size_t index);
void check_true(check *c, bool condition, const char *what);

/* Activations in the memory form of a format: of -127 … 127, and with the second of 0 … 255, for
 * which check_unsigned gives the format that stores them and packs the panels that they meet. */
void check_put(const am_s8_format *format, void *row, size_t at, int value);
int check_get(const am_s8_format *format, const void *row, size_t at);
int check_get_unsigned(const am_s8_format *format, const void *row, size_t at);
am_s8_format check_unsigned(const am_s8_format *format);

/* Fills: what is special about a vector; FILL_KINDS of them. */
typedef enum fill_kind { FILL_UNIFORM, FILL_ZERO, FILL_DENORMAL, FILL_HUGE, FILL_ALTERNATE,
                         FILL_SPIKE, FILL_KINDS } fill_kind;
const char *check_fill_name(fill_kind kind);
void check_fill(check *c, float *x, size_t n, fill_kind kind);
double check_uniform(check *c, double low, double high);

/* Best seconds per call of run(kernels, data), after a warm-up. */
typedef void bench_fn(const am_kernels *kernels, void *data);
double check_seconds(bench_fn *run, const am_kernels *kernels, void *data);
/* A line: name, time, amount / time in `unit` (1e9 of them a second), and against the reference
 * if with_ref: too slow to wait for where false. */
void check_bench(check *c, bench_fn *run, void *data, double amount, const char *unit,
                 bool with_ref, const char *format, ...) __attribute__((format(printf, 7, 8)));

extern const check_test check_gemm_tests[];
extern const check_test check_vector_tests[];
extern const check_test check_rows_tests[];
extern const check_test check_s4_tests[];
extern const check_test check_s8_tests[];
extern const check_test check_attn_s8_tests[];
extern const check_test check_peak_tests[];

/* Compiled for any machine where the tests were built with SIMDe, and for any with AVX2. */
extern const am_kernels am__kernels__avx512_emulated;
extern const am_kernels am__kernels__avx512vnni_emulated;
extern const am_kernels am__kernels__avxvnni_emulated;

#endif
