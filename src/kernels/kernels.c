/* Dispatch: see kernels.h. */
#include "kernels/kernels.h"

#include "kernels/cpu.h"

const am_kernels *am__kernels(void) {
    return &am__kernels_ref;
}
