/* A byte buffer that grows up to a maximum declared at init; always zero-terminated for reading. */
#ifndef AM_BASE_BUF_H
#define AM_BASE_BUF_H

#include "base/mem.h"

typedef struct am_buf {
    char *data; /* n_bytes bytes and a zero behind them; NULL while empty and never grown */
    size_t n_bytes;
    size_t capacity;
    size_t n_bytes_max;
} am_buf;

void am__buf_init(am_buf *buf, size_t n_bytes_max);
void am__buf_free(am_buf *buf);
void am__buf_clear(am_buf *buf); /* keeps the memory */

/* E_LIMIT past the maximum, E_MEMORY. The buffer is unchanged on failure. */
AM_CHECK_RESULT am_status am__buf_append(am_buf *buf, const void *bytes, size_t n, am_error *error);
AM_CHECK_RESULT am_status am__buf_text(am_buf *buf, const char *text, am_error *error);
AM_CHECK_RESULT am_status am__buf_printf(am_buf *buf, am_error *error, const char *format, ...)
    AM_PRINTF(3, 4);
const char *am__buf_string(const am_buf *buf); /* "" when empty */

#endif
