/* A growing string with a declared maximum. Failure is remembered, and asked for at the end. */
#ifndef AM_SERVER_BASE_TEXT_BUFFER_H
#define AM_SERVER_BASE_TEXT_BUFFER_H

#include <stdbool.h>

#include "common/heap.h"

typedef struct text {
    char *bytes; /* zero-terminated once anything was added */
    size_t n, n_max, capacity;
    bool failed; /* no memory, or over the maximum: what was added since then is lost */
} text;

void text_init(text *t, size_t n_max);
void text_free(text *t);
void text_add(text *t, const char *bytes, size_t n);
void text_add_string(text *t, const char *string);
void text_print(text *t, const char *format, ...) AM_PRINTF(2, 3);
/* n bytes with a zero behind them, each that is no UTF-8 as U+FFFD. */
void text_add_mended(text *t, const char *bytes, size_t n);
/* A JSON string; NULL is null. */
void text_add_json(text *t, const char *string);
/* The bytes, the caller's from now on; NULL after a failure. The text is empty again. */
char *text_take(text *t, size_t *n);

/* An am_write_fn whose `user` is a text. */
am_status text_write(void *user, const char *bytes, size_t n_bytes);

/* Bytes that are no UTF-8 become '?'. */
void text_mend_utf8(char *string);

#endif
