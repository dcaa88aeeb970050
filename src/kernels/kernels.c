/* Dispatch: see kernels.h. The last level of the ladder that the CPU has is the best. */
#include "kernels/kernels.h"

#include "kernels/cpu.h"

typedef struct level {
    uint32_t needs; /* flags of am_cpu_flags() */
    const am_kernels *kernels;
} level;

static const level levels[] = {
    {0, &am__kernels_ref},
#if defined(__x86_64__)
    {AM_CPU_AVX2, &am__kernels__avx2},
    {AM_CPU_AVX2 | AM_CPU_AVXVNNI, &am__kernels__avxvnni},
    {AM_CPU_AVX512, &am__kernels__avx512},
    {AM_CPU_AVX512 | AM_CPU_AVX512VNNI, &am__kernels__avx512vnni},
#elif defined(__aarch64__)
    {AM_CPU_NEON, &am__kernels__neon},
    {AM_CPU_NEON | AM_CPU_NEONDOT, &am__kernels__neondot},
#endif
};

const am_kernels *am__kernels(void) {
    const uint32_t flags = am_cpu_flags();
    const am_kernels *best = &am__kernels_ref;
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if ((levels[i].needs & ~flags) == 0) best = levels[i].kernels;
    }
    return best;
}
