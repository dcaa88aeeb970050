/* See bench_roofline.h. */
#include "cli/bench_roofline.h"

#include <stdio.h>

static void print_peaks(int n_threads, const am_peaks *peaks) {
    printf("%7d %14.1f %14.1f %14.1f\n", n_threads, peaks->s8_gops, peaks->f32_gflops,
           peaks->read_gb_s);
}

void roofline_print(const am_roofline *roofline) {
    printf("%s, measured peaks\n", roofline->isa);
    printf("%7s %14s %14s %14s\n", "threads", "8-bit GOPS", "f32 GFLOP/s", "read GB/s");
    print_peaks(1, &roofline->one);
    print_peaks(roofline->n_threads, &roofline->all);
}

static void print_json_peaks(const am_peaks *peaks) {
    printf("{\"s8_gops\": %.1f, \"f32_gflops\": %.1f, \"read_gb_s\": %.1f}", peaks->s8_gops,
           peaks->f32_gflops, peaks->read_gb_s);
}

void roofline_print_json(const am_roofline *roofline) {
    printf("{\"isa\": \"%s\", \"threads\": %d, \"one\": ", roofline->isa, roofline->n_threads);
    print_json_peaks(&roofline->one);
    printf(", \"all\": ");
    print_json_peaks(&roofline->all);
    printf("}");
}

static void print_share(double rate, double peak, const char *of) {
    if (peak > 0) printf(", %.1f%% of the measured %s", 100 * rate / peak, of);
}

void roofline_print_stages(const am_roofline *roofline, am_compute_type type,
                           const am_stage_time *stages, size_t n_stages) {
    const am_peaks unknown = {0, 0, 0};
    const am_peaks *peaks = roofline != NULL ? &roofline->all : &unknown;
    const bool s8 = type != AM_COMPUTE_F32;
    for (size_t i = 0; i < n_stages; i++) {
        const am_stage_time *stage = &stages[i];
        if (stage->n_operations > 0 && stage->seconds > 0) {
            const double rate = 1e-9 * stage->n_operations / stage->seconds;
            printf("%s: %.1f %s", stage->name, rate, s8 ? "GOPS" : "GFLOP/s");
            print_share(rate, s8 ? peaks->s8_gops : peaks->f32_gflops,
                        s8 ? "8-bit peak" : "f32 peak");
            printf("\n");
        }
        if (stage->n_steps > 0 && stage->seconds > 0) {
            const double n = (double)stage->n_steps;
            const double rate = 1e-9 * stage->n_bytes / stage->seconds;
            printf("%s: %.0f steps of %.2f rows, %.3f ms/step, %.1f MB/step, %.1f GB/s",
                   stage->name, n, (double)stage->n_rows / n, 1e3 * stage->seconds / n,
                   1e-6 * stage->n_bytes / n, rate);
            print_share(rate, peaks->read_gb_s, "read peak");
            printf("\n");
        }
    }
}
