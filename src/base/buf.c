/* Bounded growing buffer: see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void am__buf_init(am_buf *buf, size_t n_bytes_max) {
    *buf = (am_buf){.n_bytes_max = n_bytes_max};
}

void am__buf_free(am_buf *buf) {
    am__free(buf->data);
    *buf = (am_buf){.n_bytes_max = buf->n_bytes_max};
}

void am__buf_clear(am_buf *buf) {
    buf->n_bytes = 0;
    if (buf->data != NULL) buf->data[0] = '\0';
}

static am_status reserve(am_buf *buf, size_t n_more, am_error *error) {
    size_t needed;
    if (!am__add(buf->n_bytes, n_more, &needed) || needed > buf->n_bytes_max) {
        AM_FAIL(error, AM_E_LIMIT, "buffer would grow past %zu bytes", buf->n_bytes_max);
    }
    if (needed + 1 <= buf->capacity) return AM_OK;
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < needed + 1) capacity += capacity / 2;
    char *fresh = NULL;
    AM_TRY(AM_NEW_RAW(&fresh, capacity, error));
    if (buf->n_bytes > 0) memcpy(fresh, buf->data, buf->n_bytes);
    fresh[buf->n_bytes] = '\0';
    am__free(buf->data);
    buf->data = fresh;
    buf->capacity = capacity;
    return AM_OK;
}

am_status am__buf_append(am_buf *buf, const void *bytes, size_t n, am_error *error) {
    AM_TRY(reserve(buf, n, error));
    if (n > 0) memcpy(buf->data + buf->n_bytes, bytes, n);
    buf->n_bytes += n;
    buf->data[buf->n_bytes] = '\0';
    return AM_OK;
}

am_status am__buf_text(am_buf *buf, const char *text, am_error *error) {
    return am__buf_append(buf, text, strlen(text), error);
}

am_status am__buf_printf(am_buf *buf, am_error *error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    am_status status = n < 0 ? am__fail(error, AM_E_INTERNAL, "bad format \"%s\"", format)
                             : reserve(buf, (size_t)n, error);
    if (status == AM_OK) {
        vsnprintf(buf->data + buf->n_bytes, (size_t)n + 1, format, again);
        buf->n_bytes += (size_t)n;
    }
    va_end(again);
    return status;
}

const char *am__buf_string(const am_buf *buf) {
    return buf->data != NULL ? buf->data : "";
}
