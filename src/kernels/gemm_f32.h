/*
 * Matrix product in f32, one register tile at a time.
 *
 * C[m, n] = A[m, k] B[k, n] + init, m <= mr, n <= nr. A and C are row-major with distances lda and
 * ldc in floats; rows of A may overlap (lda < k: convolutions). B is one packed panel [k][nr] whose
 * columns beyond n are zero. With `accumulate`, C += A B and init is NULL; else init [nr] starts
 * each row, or zeros where it is NULL. Exactly m rows of n columns of C are written. k may be 0.
 *
 * The f16 form has the panel in IEEE binary16: the same arithmetic on exactly converted values, for
 * few rows, where reading the panel from memory is what takes the time.
 */
#ifndef AM_KERNELS_GEMM_F32_H
#define AM_KERNELS_GEMM_F32_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t am_f16; /* bits of an IEEE 754 binary16 */

typedef void am_gemm_f32_fn(size_t m, size_t n, size_t k, const float *a, size_t lda,
                            const float *b, float *c, size_t ldc, const float *init,
                            bool accumulate);
typedef void am_gemm_f16_fn(size_t m, size_t n, size_t k, const float *a, size_t lda,
                            const am_f16 *b, float *c, size_t ldc, const float *init,
                            bool accumulate);

/* Packs w [n, k] (output, input) into panels [ceil(n / nr)][k][nr], zeros behind column n. An f16
 * panel is the f32 one, converted. */
void am__gemm_pack_f32(const float *w, size_t n, size_t k, size_t nr, float *panels);

#endif
