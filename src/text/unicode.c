/* Character classes and trimming: see unicode.h. The tables come from tools/gen_unicode.py. */
#include "text/unicode.h"

typedef struct code_range {
    uint32_t first, last;
} code_range;

#include "text/unicode_tables.inc"

#define N_RANGES(ranges) (sizeof(ranges) / sizeof(ranges)[0])

static bool contains(const code_range *ranges, size_t n, uint32_t code) {
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (code > ranges[middle].last) {
            low = middle + 1;
        } else if (code < ranges[middle].first) {
            high = middle;
        } else {
            return true;
        }
    }
    return false;
}

/* PropList.txt, White_Space: the list has not changed since Unicode 6.3. */
static bool is_white_space(uint32_t code) {
    return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 ||
           code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
           code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

am_char_class am__unicode_class(uint32_t code) {
    if (is_white_space(code)) return AM_CHAR_SPACE;
    if (contains(letter_ranges, N_RANGES(letter_ranges), code)) return AM_CHAR_LETTER;
    if (contains(number_ranges, N_RANGES(number_ranges), code)) return AM_CHAR_NUMBER;
    return AM_CHAR_OTHER;
}

bool am__unicode_python_space(uint32_t code) {
    return is_white_space(code) || (code >= 0x1c && code <= 0x1f);
}

am_text_span am__unicode_strip_left(const char *text, size_t n) {
    size_t start = 0;
    while (start < n) {
        uint32_t code;
        bool truncated;
        const size_t length = am__utf8_decode(text + start, n - start, &code, &truncated);
        if (length == 0 || !am__unicode_python_space(code)) break;
        start += length;
    }
    return (am_text_span){text + start, n - start};
}

am_text_span am__unicode_strip(const char *text, size_t n) {
    const am_text_span left = am__unicode_strip_left(text, n);
    size_t end = 0; /* behind the last character that is not space */
    for (size_t at = 0; at < left.n_bytes;) {
        uint32_t code;
        bool truncated;
        const size_t length = am__utf8_decode(left.text + at, left.n_bytes - at, &code, &truncated);
        at += length > 0 ? length : 1;
        if (length == 0 || !am__unicode_python_space(code)) end = at;
    }
    return (am_text_span){left.text, end};
}
