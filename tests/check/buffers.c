/* Guarded inputs, canaried outputs, fills, activations and comparisons: see check.h. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "check.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffers.h"

#define SLOT_BYTES ((size_t)1 << 20)
#define MARGIN 256
#define CANARY 0xc7
#define REPORTS_MAX 5 /* per test */

void buffers_init(check *c) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < CHECK_SLOTS; i++) {
        unsigned char *map = mmap(NULL, SLOT_BYTES + 2 * page, PROT_NONE,
                                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (map == MAP_FAILED || mprotect(map + page, SLOT_BYTES, PROT_READ | PROT_WRITE) != 0) {
            perror("check: guarded memory");
            exit(2);
        }
        c->slots[i] = map + page;
    }
}

static void fail(check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(check *c, const char *format, ...) {
    if (c->n_failures++ >= REPORTS_MAX) return;
    va_list arguments;
    va_start(arguments, format);
    printf("  %s: ", c->name);
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
}

static void check_canary(check *c, const unsigned char *p, size_t n, const char *where) {
    for (size_t i = 0; i < n; i++) {
        if (p[i] != CANARY) {
            fail(c, "wrote %s its output, byte %zu of %zu", where, i, n);
            return;
        }
    }
}

void buffers_release(check *c) {
    for (size_t i = 0; i < c->n_outputs; i++) {
        const check_output *out = &c->outputs[i];
        const unsigned char *row = out->start + MARGIN;
        check_canary(c, out->start, MARGIN, "before");
        for (size_t r = 0; r + 1 < out->n_rows; r++, row += out->stride_bytes) {
            check_canary(c, row + out->row_bytes, out->stride_bytes - out->row_bytes,
                         "between the rows of");
        }
        check_canary(c, row + out->row_bytes, out->behind, "behind");
    }
    c->n_outputs = 0;
    c->n_slots_used = 0;
}

void check_case(check *c, const char *format, ...) {
    buffers_release(c);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(c->name, sizeof c->name, format, arguments);
    va_end(arguments);
    c->n_cases++;
}

static unsigned char *take_slot(check *c, size_t n_bytes) {
    if (c->n_slots_used == CHECK_SLOTS || n_bytes > SLOT_BYTES) {
        printf("check: case %s needs more memory than the harness has\n", c->name);
        exit(2);
    }
    return c->slots[c->n_slots_used++];
}

/* Against the page behind three times of four, otherwise against the page in front. */
void *check_bytes(check *c, size_t n_bytes) {
    unsigned char *slot = take_slot(c, n_bytes);
    return am__rng_below(&c->rng, 4) != 0 ? slot + SLOT_BYTES - n_bytes : slot;
}

float *check_floats(check *c, size_t n) {
    float *x = check_bytes(c, n * sizeof *x);
    check_fill(c, x, n, FILL_UNIFORM);
    return x;
}

void *check_out(check *c, size_t n_rows, size_t n_columns, size_t stride, size_t element) {
    const size_t row_bytes = n_columns * element;
    const size_t inner = n_rows == 0 ? 0 : (n_rows - 1) * stride * element + row_bytes;
    /* A canary does not see its own value written back; the page behind sees every touch. */
    const size_t behind = (size_t)am__rng_below(&c->rng, 2) * MARGIN;
    unsigned char *slot = take_slot(c, MARGIN + inner + behind);
    unsigned char *start = slot + SLOT_BYTES - inner - behind - MARGIN;
    memset(start, CANARY, MARGIN + inner + behind);
    c->outputs[c->n_outputs++] =
        (check_output){start, behind, n_rows, row_bytes, stride * element};
    return start + MARGIN;
}

void check_near(check *c, double got, double want, double tolerance, size_t index) {
    if (isnan(want) ? isnan(got) : got == want || fabs(got - want) <= tolerance) return;
    fail(c, "[%zu] is %.9g, should be %.9g; error %.3g, allowed %.3g", index, got, want,
         fabs(got - want), tolerance);
}

void check_true(check *c, bool condition, const char *what) {
    if (!condition) fail(c, "%s", what);
}

double check_uniform(check *c, double low, double high) {
    return low + (high - low) * am__rng_uniform(&c->rng);
}

const char *check_fill_name(fill_kind kind) {
    static const char *const names[FILL_KINDS] = {"uniform", "zero", "denormal", "huge",
                                                  "alternating", "spike"};
    return names[kind];
}

void check_fill(check *c, float *x, size_t n, fill_kind kind) {
    const size_t spike = n == 0 ? 0 : (size_t)am__rng_below(&c->rng, n);
    for (size_t i = 0; i < n; i++) {
        const float value = (float)check_uniform(c, -1, 1);
        switch (kind) {
        case FILL_ZERO: x[i] = 0; break;
        case FILL_DENORMAL: x[i] = value * 1e-39f; break;
        case FILL_HUGE: x[i] = value * 1e15f; break;
        case FILL_ALTERNATE: x[i] = i % 2 == 0 ? 1 : -1; break;
        case FILL_SPIKE: x[i] = i == spike ? 1e4f : value * 1e-4f; break;
        default: x[i] = value; break;
        }
    }
}

void check_put(const am_s8_format *format, void *row, size_t at, int value) {
    if (format->value_bytes == 1) {
        ((uint8_t *)row)[at] = (uint8_t)(value + format->offset);
    } else {
        ((int16_t *)row)[at] = (int16_t)(value + format->offset);
    }
}

/* The value of 8 bits that is stored, at least `least`. */
static int value_at(const am_s8_format *format, const void *row, size_t at, int least) {
    if (format->value_bytes == 2) return ((const int16_t *)row)[at] - format->offset;
    return (uint8_t)(((const uint8_t *)row)[at] - format->offset - least) + least;
}

int check_get(const am_s8_format *format, const void *row, size_t at) {
    return value_at(format, row, at, -128);
}

int check_get_unsigned(const am_s8_format *format, const void *row, size_t at) {
    const am_s8_format rows = check_unsigned(format);
    return value_at(&rows, row, at, 0);
}

am_s8_format check_unsigned(const am_s8_format *format) {
    am_s8_format out = *format;
    out.offset = format->unsigned_offset;
    return out;
}
