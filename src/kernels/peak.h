/*
 * How fast this CPU can go: the loops that measure its limits, one thread's share each. They wait
 * for nothing: a dozen sums in registers hide the latency of the instruction, and reads go through
 * four streams. What they compute is of no use, but is computed.
 */
#ifndef AM_KERNELS_PEAK_H
#define AM_KERNELS_PEAK_H

#include <stddef.h>
#include <stdint.h>

/* n steps of a dozen fused multiply-adds in f32, or of dot products of bytes (16-bit integers
 * where there is no instruction for bytes). Returns the operations done: a product and its sum
 * are two. */
typedef double am_peak_fn(size_t n);

/* Reads n bytes, n a multiple of AM_PEAK_READ, from an aligned address; returns the sum of all
 * 32-bit words, modulo 2^32. */
#define AM_PEAK_READ 1024
typedef uint32_t am_read_fn(const void *bytes, size_t n);

#endif
