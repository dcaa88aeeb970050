/* UTF-8 decoding and repair: see utf8.h. Table 3-7 of the Unicode Standard is the reference. */
#include "base/utf8.h"

#include <string.h>

/* Length by first byte and the allowed range of the second: the table rows that are not plain. */
static size_t sequence_length(unsigned char first, unsigned char *low, unsigned char *high) {
    *low = 0x80;
    *high = 0xbf;
    if (first < 0x80) return 1;
    if (first < 0xc2) return 0;
    if (first < 0xe0) return 2;
    if (first < 0xf0) {
        if (first == 0xe0) *low = 0xa0;
        if (first == 0xed) *high = 0x9f;
        return 3;
    }
    if (first < 0xf5) {
        if (first == 0xf0) *low = 0x90;
        if (first == 0xf4) *high = 0x8f;
        return 4;
    }
    return 0;
}

/* Bytes of the maximal well-formed start of a sequence; *length: what its first byte announces. */
static size_t valid_bytes(const char *text, size_t n, size_t *length) {
    unsigned char low;
    unsigned char high;
    *length = sequence_length((unsigned char)text[0], &low, &high);
    if (*length == 0) return 0;
    size_t i = 1;
    for (; i < *length && i < n; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if (byte < low || byte > high) return i;
        low = 0x80;
        high = 0xbf;
    }
    return i;
}

size_t am__utf8_decode(const char *text, size_t n, uint32_t *code, bool *truncated) {
    static const unsigned char first_mask[5] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    size_t length;
    const size_t valid = valid_bytes(text, n, &length);
    *truncated = length != 0 && valid == n && valid < length;
    if (length == 0 || valid < length) return 0;
    uint32_t value = (unsigned char)text[0] & first_mask[length];
    for (size_t i = 1; i < length; i++) value = (value << 6) | ((unsigned char)text[i] & 0x3f);
    *code = value;
    return length;
}

size_t am__utf8_encode(uint32_t code, char out[4]) {
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) code = 0xfffd;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | (code >> 6));
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | (code >> 12));
        out[1] = (char)(0x80 | ((code >> 6) & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | (code >> 18));
    out[1] = (char)(0x80 | ((code >> 12) & 0x3f));
    out[2] = (char)(0x80 | ((code >> 6) & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

size_t am__utf8_whole_prefix(const char *text, size_t n) {
    /* A code point that is cut off starts at most 3 bytes before the end. */
    for (size_t back = 1; back <= 3 && back <= n; back++) {
        uint32_t code;
        bool truncated;
        if (am__utf8_decode(text + n - back, back, &code, &truncated) == 0 && truncated) {
            return n - back;
        }
    }
    return n;
}

size_t am__utf8_repair(const char *text, size_t n, char *out) {
    size_t written = 0;
    for (size_t at = 0; at < n;) {
        size_t length;
        const size_t valid = valid_bytes(text + at, n - at, &length);
        if (length != 0 && valid == length) {
            memcpy(out + written, text + at, length);
            written += length;
            at += length;
        } else {
            memcpy(out + written, "\xef\xbf\xbd", 3);
            written += 3;
            at += valid > 0 ? valid : 1;
        }
    }
    out[written] = '\0';
    return written;
}

size_t am__utf8_length(const char *text, size_t n) {
    size_t count = 0;
    for (size_t at = 0; at < n; count++) {
        uint32_t code;
        bool truncated;
        const size_t length = am__utf8_decode(text + at, n - at, &code, &truncated);
        at += length > 0 ? length : 1;
    }
    return count;
}
