/* CPU detection: see cpu.h. Intel SDM vol. 1, 13.3 and 14.3 (XGETBV before AVX); for AArch64 the
 * Linux kernel's Documentation/arch/arm64/elf_hwcaps.rst. */
#include "kernels/cpu.h"

#include <stdatomic.h>

#if defined(__x86_64__)
#include <cpuid.h>

#define XCR0_AVX 0x6u    /* XMM and YMM state */
#define XCR0_AVX512 0xe6u /* and opmask, upper ZMM, ZMM16-31 */

static bool has(uint32_t word, unsigned bit) {
    return ((word >> bit) & 1u) != 0;
}

static uint32_t read_xcr0(void) {
    uint32_t low;
    uint32_t high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    (void)high;
    return low;
}

uint32_t am__cpu_detect(void) {
    uint32_t a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !has(c, 27)) return 0; /* OSXSAVE */
    const uint32_t xcr0 = read_xcr0();
    const bool fma = has(c, 12);
    const bool f16c = has(c, 29);
    uint32_t a7, b7, c7, d7;
    if ((xcr0 & XCR0_AVX) != XCR0_AVX || !__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7)) return 0;
    uint32_t flags = 0;
    if (!has(c, 28) || !has(b7, 5) || !fma || !f16c) return 0;
    flags |= AM_CPU_AVX2;
    uint32_t a71, b71, c71, d71;
    if (a7 >= 1 && __get_cpuid_count(7, 1, &a71, &b71, &c71, &d71) && has(a71, 4)) {
        flags |= AM_CPU_AVXVNNI;
    }
    const bool avx512 = has(b7, 16) && has(b7, 17) && has(b7, 30) && has(b7, 31); /* F DQ BW VL */
    if (avx512 && (xcr0 & XCR0_AVX512) == XCR0_AVX512) {
        flags |= AM_CPU_AVX512;
        if (has(c7, 11)) flags |= AM_CPU_AVX512VNNI;
    }
    return flags;
}

#elif defined(__aarch64__)

#if defined(__linux__)
#include <sys/auxv.h>
#endif

/* Advanced SIMD is part of the architecture; what came later is known from the system. */
uint32_t am__cpu_detect(void) {
    uint32_t flags = AM_CPU_NEON;
#if defined(__linux__)
    if ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0) flags |= AM_CPU_NEONDOT;
#endif
    return flags;
}

#else

uint32_t am__cpu_detect(void) {
    return 0;
}

#endif

static _Atomic uint32_t cpu_mask = AM_CPU_ALL;

uint32_t am_cpu_flags(void) {
    return am__cpu_detect() & atomic_load(&cpu_mask);
}

void am_cpu_set_mask(uint32_t mask) {
    atomic_store(&cpu_mask, mask);
}
