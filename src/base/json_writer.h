/*
 * Writes JSON (RFC 8259) piece by piece into a buffer: no tree, no copy. The writer places commas
 * and escapes; the caller opens, closes and names. After a failure every call does nothing, so
 * that only am__jw_finish needs a check.
 */
#ifndef AM_BASE_JSON_WRITER_H
#define AM_BASE_JSON_WRITER_H

#include "base/buf.h"

#define AM_JSON_DEPTH_MAX 63

typedef enum am_json_style {
    AM_JSON_COMPACT, /* no white space, text as UTF-8 */
    AM_JSON_PYTHON,  /* as json.dumps by default: ", " and ": ", text escaped to ASCII */
} am_json_style;

typedef struct am_json_writer {
    am_buf *out;
    am_error *error;
    am_status status;
    am_json_style style;
    unsigned depth;
    uint64_t has_items; /* bit d: something was written at depth d */
    bool after_key;
} am_json_writer;

/* `out` may hold text already and may be cleared by the caller between calls. */
void am__jw_init(am_json_writer *w, am_buf *out, am_json_style style, am_error *error);

void am__jw_object_begin(am_json_writer *w);
void am__jw_object_end(am_json_writer *w);
void am__jw_array_begin(am_json_writer *w);
void am__jw_array_end(am_json_writer *w);
void am__jw_key(am_json_writer *w, const char *name); /* the value comes next */

void am__jw_string(am_json_writer *w, const char *text); /* NULL: null; bad UTF-8: U+FFFD */
void am__jw_integer(am_json_writer *w, int64_t value);
void am__jw_number(am_json_writer *w, double value); /* as Python's repr; NaN, infinity: null */
void am__jw_bool(am_json_writer *w, bool value);
void am__jw_null(am_json_writer *w);

/* The first failure, or E_INTERNAL when an object or array is still open. */
AM_CHECK_RESULT am_status am__jw_finish(am_json_writer *w);

#endif
