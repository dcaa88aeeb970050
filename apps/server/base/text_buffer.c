/* A growing string: see text_buffer.h. */
#include "server/base/text_buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CAPACITY_MIN 256

void text_init(text *t, size_t n_max) {
    *t = (text){.n_max = n_max};
}

void text_free(text *t) {
    heap_free(t->bytes);
    *t = (text){.n_max = t->n_max};
}

static bool make_room(text *t, size_t n) {
    if (t->failed || n > t->n_max - t->n) {
        t->failed = true;
        return false;
    }
    const size_t needed = t->n + n + 1;
    if (needed <= t->capacity) return true;
    size_t capacity = t->capacity < CAPACITY_MIN ? CAPACITY_MIN : t->capacity;
    while (capacity < needed) capacity *= 2;
    char *bytes = heap_resize(t->bytes, capacity);
    if (bytes == NULL) {
        t->failed = true;
        return false;
    }
    t->bytes = bytes;
    t->capacity = capacity;
    return true;
}

void text_add(text *t, const char *bytes, size_t n) {
    if (!make_room(t, n)) return;
    memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
    t->bytes[t->n] = '\0';
}

void text_add_string(text *t, const char *string) {
    text_add(t, string, strlen(string));
}

void text_print(text *t, const char *format, ...) {
    va_list args;
    va_list again;
    va_start(args, format);
    va_copy(again, args);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) t->failed = true;
    if (n >= 0 && make_room(t, (size_t)n)) {
        vsnprintf(t->bytes + t->n, (size_t)n + 1, format, again);
        t->n += (size_t)n;
    }
    va_end(again);
}

char *text_take(text *t, size_t *n) {
    text_add(t, "", 0); /* an empty text is a string too */
    char *bytes = t->failed ? NULL : t->bytes;
    *n = bytes != NULL ? t->n : 0;
    if (bytes == NULL) heap_free(t->bytes);
    *t = (text){.n_max = t->n_max};
    return bytes;
}

am_status text_write(void *user, const char *bytes, size_t n_bytes) {
    text *t = user;
    text_add(t, bytes, n_bytes);
    return t->failed ? AM_E_MEMORY : AM_OK;
}

void text_add_json(text *t, const char *string) {
    if (string == NULL) {
        text_add_string(t, "null");
        return;
    }
    text_add_string(t, "\"");
    for (const char *at = string; *at != '\0'; at++) {
        const unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\') {
            text_print(t, "\\%c", c);
        } else if (c < ' ') {
            text_print(t, "\\u%04x", (unsigned)c);
        } else {
            text_add(t, at, 1);
        }
    }
    text_add_string(t, "\"");
}

/* Bytes of the UTF-8 character at `at`, 0 when it is none. */
static size_t character(const unsigned char *at) {
    const size_t n = at[0] < 0x80                       ? 1
                     : at[0] >= 0xc2 && at[0] < 0xe0 ? 2
                     : (at[0] & 0xf0) == 0xe0        ? 3
                     : at[0] >= 0xf0 && at[0] < 0xf5 ? 4
                                                     : 0;
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80) return 0;
    }
    if (n == 3 && at[0] == 0xe0 && at[1] < 0xa0) return 0;
    if (n == 3 && at[0] == 0xed && at[1] >= 0xa0) return 0;
    return n;
}

void text_mend_utf8(char *string) {
    while (*string != '\0') {
        const size_t n = character((const unsigned char *)string);
        if (n == 0) *string = '?';
        string += n > 0 ? n : 1;
    }
}

void text_add_mended(text *t, const char *bytes, size_t n) {
    for (size_t at = 0; at < n;) {
        const size_t n_own = character((const unsigned char *)bytes + at);
        text_add(t, n_own > 0 ? bytes + at : "\xef\xbf\xbd", n_own > 0 ? n_own : 3);
        at += n_own > 0 ? n_own : 1;
    }
}
