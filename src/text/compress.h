/*
 * How well a text compresses: the gate against a decoder that repeats itself. The ratio is the
 * original's, len(text) / len(zlib.compress(text)), so zlib itself computes it.
 * One compressor per thread: it keeps zlib's workspace (260 KiB) from call to call.
 */
#ifndef AM_TEXT_COMPRESS_H
#define AM_TEXT_COMPRESS_H

#include "base/mem.h"

typedef struct am_compressor am_compressor;

AM_CHECK_RESULT am_status am__compressor_new(am_compressor **compressor, am_error *error);
void am__compressor_free(am_compressor **compressor);

/* 0 for an empty text, as in the original. Allocates nothing. E_LIMIT past 1 GiB. */
AM_CHECK_RESULT am_status am__compression_ratio(am_compressor *compressor, const char *text,
                                                size_t n_bytes, double *ratio, am_error *error);

/* CRC-32 (zlib's) of n bytes behind those whose sum is `before`, 0 at the start. */
uint32_t am__crc32(uint32_t before, const void *bytes, size_t n);

#endif
