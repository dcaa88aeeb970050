/* Streaming JSON: see json_writer.h. */
#include "base/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "base/utf8.h"

void am__jw_init(am_json_writer *w, am_buf *out, am_json_style style, am_error *error) {
    *w = (am_json_writer){.out = out, .error = error, .style = style};
}

static void put(am_json_writer *w, const char *bytes, size_t n) {
    if (w->status == AM_OK) w->status = am__buf_append(w->out, bytes, n, w->error);
}

static void put_text(am_json_writer *w, const char *text) {
    put(w, text, strlen(text));
}

/* The comma before a value or key, unless it is the first of its level or follows its key. */
static void begin_item(am_json_writer *w) {
    const uint64_t bit = UINT64_C(1) << w->depth;
    const bool comma = !w->after_key && (w->has_items & bit) != 0;
    if (comma) put_text(w, w->style == AM_JSON_PYTHON ? ", " : ",");
    w->has_items |= bit;
    w->after_key = false;
}

static void open_level(am_json_writer *w, const char *bracket) {
    begin_item(w);
    put_text(w, bracket);
    if (w->depth == AM_JSON_DEPTH_MAX) {
        if (w->status == AM_OK) {
            w->status =
                am__fail(w->error, AM_E_INTERNAL, "JSON deeper than %d levels", AM_JSON_DEPTH_MAX);
        }
        return;
    }
    w->depth++;
    w->has_items &= ~(UINT64_C(1) << w->depth);
}

static void close_level(am_json_writer *w, const char *bracket) {
    if (w->depth > 0) {
        w->depth--;
    } else if (w->status == AM_OK) {
        w->status = am__fail(w->error, AM_E_INTERNAL, "JSON: \"%s\" closes nothing", bracket);
    }
    put_text(w, bracket);
}

void am__jw_object_begin(am_json_writer *w) {
    open_level(w, "{");
}

void am__jw_object_end(am_json_writer *w) {
    close_level(w, "}");
}

void am__jw_array_begin(am_json_writer *w) {
    open_level(w, "[");
}

void am__jw_array_end(am_json_writer *w) {
    close_level(w, "]");
}

/* ---- Strings ----------------------------------------------------------------------------- */

static void put_unit(am_json_writer *w, unsigned unit) {
    char text[16];
    snprintf(text, sizeof text, "\\u%04x", unit);
    put_text(w, text);
}

/* A character that may not stand for itself. */
static void put_escaped(am_json_writer *w, uint32_t code) {
    static const char plain[] = "\"\\\n\r\t\b\f";
    static const char letters[] = "\"\\nrtbf";
    const char *at = code > 0 && code < 0x80 ? strchr(plain, (int)code) : NULL;
    if (at != NULL) {
        const char pair[2] = {'\\', letters[at - plain]};
        put(w, pair, sizeof pair);
    } else if (code < 0x10000) {
        put_unit(w, code);
    } else {
        put_unit(w, 0xd800 + ((code - 0x10000) >> 10));
        put_unit(w, 0xdc00 + ((code - 0x10000) & 0x3ff));
    }
}

static bool stands_for_itself(const am_json_writer *w, uint32_t code) {
    if (code < 0x20 || code == '"' || code == '\\') return false;
    return code < 0x7f || w->style == AM_JSON_COMPACT;
}

static void put_string(am_json_writer *w, const char *text) {
    const size_t n = strlen(text);
    size_t first = 0; /* of a run that is copied as it is */
    put_text(w, "\"");
    for (size_t at = 0; at < n;) {
        uint32_t code;
        bool truncated;
        size_t length = am__utf8_decode(text + at, n - at, &code, &truncated);
        if (length > 0 && stands_for_itself(w, code)) {
            at += length;
            continue;
        }
        put(w, text + first, at - first);
        if (length > 0) {
            put_escaped(w, code);
        } else {
            put_unit(w, 0xfffd);
            length = 1;
        }
        at += length;
        first = at;
    }
    put(w, text + first, n - first);
    put_text(w, "\"");
}

void am__jw_key(am_json_writer *w, const char *name) {
    begin_item(w);
    put_string(w, name);
    put_text(w, w->style == AM_JSON_PYTHON ? ": " : ":");
    w->after_key = true;
}

void am__jw_string(am_json_writer *w, const char *text) {
    begin_item(w);
    if (text != NULL) {
        put_string(w, text);
    } else {
        put_text(w, "null");
    }
}

/* ---- Numbers and words ------------------------------------------------------------------- */

void am__jw_integer(am_json_writer *w, int64_t value) {
    char text[24];
    begin_item(w);
    snprintf(text, sizeof text, "%" PRId64, value);
    put_text(w, text);
}

void am__jw_number(am_json_writer *w, double value) {
    char text[AM_NUMBER_TEXT_MAX];
    begin_item(w);
    if (isfinite(value)) {
        put(w, text, am__format_double(value, text));
    } else {
        put_text(w, "null");
    }
}

void am__jw_bool(am_json_writer *w, bool value) {
    begin_item(w);
    put_text(w, value ? "true" : "false");
}

void am__jw_null(am_json_writer *w) {
    begin_item(w);
    put_text(w, "null");
}

am_status am__jw_finish(am_json_writer *w) {
    if (w->status == AM_OK && w->depth > 0) {
        w->status = am__fail(w->error, AM_E_INTERNAL, "JSON: %u levels still open", w->depth);
    }
    return w->status;
}
