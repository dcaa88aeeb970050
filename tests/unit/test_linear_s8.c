/* 8-bit linear layers: near the f32 ones, and the same bits whatever runs beside a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "nn/linear.h"
#include "nn/linear_s8.h"

enum { N_ROWS = 131, PART_OUT = 61, CHANNELS = 67, N_IN = 3 * CHANNELS, N_OUT = 2 * PART_OUT };

static const uint32_t masks[] = {0, AM_CPU_AVX2 | AM_CPU_NEON, AM_CPU_AVX2 | AM_CPU_AVXVNNI,
                                 AM_CPU_AVX2 | AM_CPU_AVX512, AM_CPU_ALL};

typedef struct fixture {
    float weight[2][PART_OUT * N_IN], bias[PART_OUT];
    float x[N_ROWS * N_IN];
    am_tensor weights[2], biases;
    am_linear_part parts[2];
    float before[N_ROWS * N_OUT], want[N_ROWS * N_OUT], y[N_ROWS * N_OUT];
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    if (f == NULL) return -1;
    am_rng rng;
    am__rng_seed(&rng, 7);
    for (size_t i = 0; i < PART_OUT * N_IN; i++) {
        f->weight[0][i] = (float)am__rng_normal(&rng);
        f->weight[1][i] = 0.01f * (float)am__rng_normal(&rng);
    }
    for (size_t i = 0; i < PART_OUT; i++) f->bias[i] = (float)am__rng_normal(&rng);
    for (size_t i = 0; i < N_ROWS * N_IN; i++) f->x[i] = (float)am__rng_normal(&rng);
    for (size_t i = 0; i < N_ROWS * N_OUT; i++) f->before[i] = (float)am__rng_normal(&rng);
    f->biases = (am_tensor){"bias", AM_DTYPE_F32, 1, PART_OUT, f->bias, NULL};
    for (size_t i = 0; i < 2; i++) {
        f->weights[i] = (am_tensor){"weight", AM_DTYPE_F32, PART_OUT, N_IN, f->weight[i], NULL};
        f->parts[i] = (am_linear_part){&f->weights[i], i == 0 ? &f->biases : NULL};
    }
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    am_cpu_set_mask(AM_CPU_ALL);
    free(*state);
    return 0;
}

/* Runs rows [first, first + n_rows) of parts on n_threads with the kernels of now, into f->y.
 * Returns whether the layer borrowed its panels. */
static bool run_parts(fixture *f, const am_linear_part *parts, size_t n_parts, int n_threads,
                      size_t first, size_t n_rows, am_weight_order order, am_epilogue epilogue) {
    am_exec exec = {.kernels = am__kernels()};
    am_linear_s8 linear = {0};
    char *workspace = NULL;
    assert_int_equal(am__team_new(n_threads, &exec.team, NULL), AM_OK);
    assert_int_equal(am__linear_s8_init(&linear, exec.kernels, parts, n_parts, order, false, NULL),
                     AM_OK);
    const bool borrowed = linear.packed == NULL;
    assert_int_equal(AM_NEW_RAW(&workspace, am__linear_s8_workspace(&linear, &exec), NULL), AM_OK);
    am__linear_s8_run(&linear, &exec, f->x + first * N_IN, N_IN, n_rows, f->y + first * N_OUT,
                      N_OUT, epilogue, workspace);
    am__free(workspace);
    am__linear_s8_free(&linear);
    am__team_free(&exec.team);
    return borrowed;
}

static void run(fixture *f, int n_threads, size_t first, size_t n_rows, am_weight_order order,
                am_epilogue epilogue) {
    assert_false(run_parts(f, f->parts, 2, n_threads, first, n_rows, order, epilogue));
}

static float largest(const float *x, size_t n) {
    float most = 0;
    for (size_t i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i]));
    return most;
}

/* What rounding to half a step on both sides can make of a sum of products. */
static double bound(const float *x, const float *w) {
    const double x_step = (double)largest(x, N_IN) / 127;
    const double w_step = (double)largest(w, N_IN) / 127;
    double sum = 1e-4;
    for (size_t i = 0; i < N_IN; i++) {
        sum += w_step * fabs((double)x[i]) / 2 + x_step * fabs((double)w[i]) / 2 +
               x_step * w_step / 4;
    }
    return sum;
}

static void near_the_f32_layer(void **state) {
    fixture *f = *state;
    am_exec exec = {.kernels = am__kernels()};
    am_linear linear = {0};
    assert_int_equal(am__team_new(1, &exec.team, NULL), AM_OK);
    for (int order = AM_WEIGHT_PLAIN; order <= AM_WEIGHT_CONV3; order++) {
        assert_int_equal(am__linear_init(&linear, exec.kernels, f->parts, 2,
                                         (am_weight_order)order, NULL), AM_OK);
        for (int epilogue = AM_EPILOGUE_NONE; epilogue <= AM_EPILOGUE_ADD; epilogue++) {
            memcpy(f->want, f->before, sizeof f->want);
            memcpy(f->y, f->before, sizeof f->y);
            am__linear_run(&linear, &exec, f->x, N_IN, N_ROWS, f->want, N_OUT,
                           (am_epilogue)epilogue);
            run(f, 1, 0, N_ROWS, (am_weight_order)order, (am_epilogue)epilogue);
            double error = 0;
            double size = 0;
            for (size_t i = 0; i < N_ROWS * N_OUT; i++) {
                const size_t out = i % N_OUT;
                const float *w = f->weight[out / PART_OUT] + out % PART_OUT * N_IN;
                const double delta = (double)f->y[i] - (double)f->want[i];
                /* GELU's slope is below 1.13. */
                assert_true(fabs(delta) <= 1.13 * bound(f->x + i / N_OUT * N_IN, w));
                error += delta * delta;
                size += (double)f->want[i] * (double)f->want[i];
            }
            assert_true(sqrt(error / size) < 0.012);
        }
        am__linear_free(&linear);
    }
    am__team_free(&exec.team);
}

static void same_bits_for_any_instruction_set_and_threads(void **state) {
    fixture *f = *state;
    const am_epilogue epilogues[] = {AM_EPILOGUE_NONE, AM_EPILOGUE_ADD};
    for (size_t e = 0; e < 2; e++) {
        memcpy(f->want, f->before, sizeof f->want);
        for (size_t level = 0; level < sizeof masks / sizeof *masks; level++) {
            am_cpu_set_mask(masks[level]);
            for (int n_threads = 1; n_threads <= 3; n_threads++) {
                memcpy(f->y, f->before, sizeof f->y);
                run(f, n_threads, 0, N_ROWS, AM_WEIGHT_PLAIN, epilogues[e]);
                if (level == 0 && n_threads == 1) memcpy(f->want, f->y, sizeof f->want);
                assert_memory_equal(f->y, f->want, sizeof f->y);
            }
        }
    }
}

static void same_bits_for_any_number_of_rows(void **state) {
    fixture *f = *state;
    run(f, 2, 0, N_ROWS, AM_WEIGHT_PLAIN, AM_EPILOGUE_GELU);
    memcpy(f->want, f->y, sizeof f->want);
    static const size_t counts[] = {1, 2, 5, 6, 7, 12, 16, 24, 25, 96, 97};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const size_t first = N_ROWS - counts[i];
        memcpy(f->y, f->before, sizeof f->y);
        run(f, 2, first, counts[i], AM_WEIGHT_PLAIN, AM_EPILOGUE_GELU);
        assert_memory_equal(f->y, f->before, first * N_OUT * sizeof *f->y);
        assert_memory_equal(f->y + first * N_OUT, f->want + first * N_OUT,
                            counts[i] * N_OUT * sizeof *f->y);
    }
}

/* A packed layer as the tensor a file would hold. */
static am_tensor stored(const am_linear_s8 *linear) {
    return (am_tensor){"stored",       AM_DTYPE_S8_PANELS, linear->n_out, linear->n_in,
                       linear->panels, linear->scale};
}

/* From panels as files hold them: both parts in one piece, which VPDPBUSD takes as they are, and
 * each by itself, 61 outputs that fill no panel. */
static void same_bits_from_stored_panels(void **state) {
    fixture *f = *state;
    float bias[N_OUT] = {0};
    memcpy(bias, f->bias, sizeof f->bias);
    const am_tensor biases = {"bias", AM_DTYPE_F32, 1, N_OUT, bias, NULL};
    for (int order = AM_WEIGHT_PLAIN; order <= AM_WEIGHT_CONV3; order++) {
        am_linear_s8 both = {0}, each[2] = {{0}};
        assert_int_equal(am__linear_s8_pack(&both, &am__s8_stored, f->parts, 2,
                                            (am_weight_order)order, false, NULL), AM_OK);
        am_tensor tensors[3] = {stored(&both)};
        const am_linear_part one = {&tensors[0], &biases};
        am_linear_part two[2];
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(am__linear_s8_pack(&each[i], &am__s8_stored, &f->parts[i], 1,
                                                (am_weight_order)order, false, NULL), AM_OK);
            tensors[1 + i] = stored(&each[i]);
            two[i] = (am_linear_part){&tensors[1 + i], f->parts[i].bias};
        }
        am_cpu_set_mask(AM_CPU_ALL);
        run(f, 1, 0, N_ROWS, (am_weight_order)order, AM_EPILOGUE_NONE);
        memcpy(f->want, f->y, sizeof f->want);
        for (size_t level = 0; level < sizeof masks / sizeof *masks; level++) {
            am_cpu_set_mask(masks[level]);
            memset(f->y, 0, sizeof f->y);
            const bool borrowed = run_parts(f, &one, 1, 1, 0, N_ROWS, (am_weight_order)order,
                                            AM_EPILOGUE_NONE);
            assert_int_equal(borrowed, am__s8_is_stored(&am__kernels()->s8.format));
            assert_memory_equal(f->y, f->want, sizeof f->y);
            memset(f->y, 0, sizeof f->y);
            assert_false(run_parts(f, two, 2, 1, 0, N_ROWS, (am_weight_order)order,
                                   AM_EPILOGUE_NONE));
            assert_memory_equal(f->y, f->want, sizeof f->y);
        }
        am__linear_s8_free(&both);
        am__linear_s8_free(&each[0]);
        am__linear_s8_free(&each[1]);
    }
}

/* As run_parts for 96 inputs, of weights in four bits or to be made so; y [n_rows, PART_OUT]. */
static void run_four(fixture *f, const am_tensor *weight, int n_threads, size_t n_rows, float *y) {
    am_exec exec = {.kernels = am__kernels()};
    const am_linear_part part = {weight, &f->biases};
    am_linear_s8 linear = {0};
    char *workspace = NULL;
    assert_int_equal(am__team_new(n_threads, &exec.team, NULL), AM_OK);
    assert_int_equal(am__linear_s8_init(&linear, exec.kernels, &part, 1, AM_WEIGHT_PLAIN, true,
                                        NULL), AM_OK);
    assert_true(linear.four_bits);
    assert_int_equal(AM_NEW_RAW(&workspace, am__linear_s8_workspace(&linear, &exec), NULL), AM_OK);
    am__linear_s8_run(&linear, &exec, f->x, 96, n_rows, y, PART_OUT, AM_EPILOGUE_NONE, workspace);
    am__free(workspace);
    am__linear_s8_free(&linear);
    am__team_free(&exec.team);
}

/* Packed now or taken from a file, in few rows or many, by any instruction set: one result, that
 * of the layer in f32 with the weights that the tensor states. */
static void four_bits_are_the_same_everywhere(void **state) {
    fixture *f = *state;
    static const size_t counts[] = {1, 7, N_ROWS};
    const am_tensor plain = {"plain", AM_DTYPE_F32, PART_OUT, 96, f->weight[0], NULL};
    const am_linear_part part = {&plain, &f->biases};
    am_linear_s8 file = {0};
    float row[96];
    assert_int_equal(am__linear_s8_pack(&file, &am__s8_stored, &part, 1, AM_WEIGHT_PLAIN, true,
                                        NULL), AM_OK);
    am_tensor tensor = stored(&file);
    tensor.dtype = AM_DTYPE_S4_PANELS;
    run_four(f, &plain, 1, N_ROWS, f->want);
    for (size_t j = 0; j < PART_OUT; j++) {
        am__tensor_rows_f32(&tensor, j, 1, row);
        for (size_t r = 0; r < N_ROWS; r++) {
            double sum = (double)f->bias[j], sizes = 0;
            for (size_t i = 0; i < 96; i++) {
                sum += (double)f->x[r * 96 + i] * (double)row[i];
                sizes += fabs((double)row[i]);
            }
            const double step = (double)largest(f->x + r * 96, 96) / 127;
            assert_true(fabs((double)f->want[r * PART_OUT + j] - sum) < 0.51 * step * sizes);
        }
    }
    for (size_t level = 0; level < sizeof masks / sizeof *masks; level++) {
        am_cpu_set_mask(masks[level]);
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            const size_t n_bytes = counts[i] * PART_OUT * sizeof(float);
            for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
                memset(f->y, 0, n_bytes);
                run_four(f, &plain, n_threads, counts[i], f->y);
                assert_memory_equal(f->y, f->want, n_bytes);
                memset(f->y, 0, n_bytes);
                run_four(f, &tensor, n_threads, counts[i], f->y);
                assert_memory_equal(f->y, f->want, n_bytes);
            }
        }
    }
    am__linear_s8_free(&file);
}

/* 201 inputs are no whole groups. */
static void rows_without_whole_groups_stay_in_eight_bits(void **state) {
    fixture *f = *state;
    am_linear_s8 linear = {0};
    assert_int_equal(am__linear_s8_init(&linear, am__kernels(), f->parts, 2, AM_WEIGHT_PLAIN, true,
                                        NULL), AM_OK);
    assert_false(linear.four_bits);
    am__linear_s8_free(&linear);
}

static void too_long_rows_are_refused(void **state) {
    (void)state;
    const am_tensor weight = {"long", AM_DTYPE_F32, 1, AM_S8_DEPTH_MAX + 1, NULL, NULL};
    const am_linear_part part = {&weight, NULL};
    am_linear_s8 linear = {0};
    am_error error = {0};
    assert_int_equal(am__linear_s8_init(&linear, am__kernels(), &part, 1, AM_WEIGHT_PLAIN, false,
                                         &error),
                     AM_E_UNSUPPORTED);
    assert_null(linear.panels);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(near_the_f32_layer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(same_bits_for_any_instruction_set_and_threads, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(same_bits_for_any_number_of_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(same_bits_from_stored_panels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(four_bits_are_the_same_everywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_without_whole_groups_stay_in_eight_bits, set_up,
                                        tear_down),
        cmocka_unit_test(too_long_rows_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
