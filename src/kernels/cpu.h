/*
 * Which vector instructions may be used: found by CPUID *and* enabled by the system (XCR0), or on
 * AArch64 offered by the system (HWCAP), then masked by am_cpu_set_mask. The public flags are those
 * of amanuensis.h.
 */
#ifndef AM_KERNELS_CPU_H
#define AM_KERNELS_CPU_H

#include "amanuensis.h"

/* What the machine has, before the mask. Cheap enough to call for every table. */
uint32_t am__cpu_detect(void);

#endif
