/* What every fuzz target defines: libFuzzer's entry point. */
#ifndef AM_TESTS_FUZZ_FUZZ_H
#define AM_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

#endif
