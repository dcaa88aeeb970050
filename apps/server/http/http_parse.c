/* What HTTP's strings mean: see http_parse.h. */
#include "server/http/http_parse.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void http_make_id(char id[HTTP_ID_BYTES]) {
    unsigned char bytes[12];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) memset(bytes, 0, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(id + 2 * i, 3, "%02x", (unsigned)bytes[i]);
}

bool http_is_id(const char *id) {
    const size_t n = strlen(id);
    for (size_t i = 0; i < n; i++) {
        if (id[i] <= ' ' || id[i] > '~' || id[i] == '"' || id[i] == '\\') return false;
    }
    return n > 0 && n < HTTP_ID_BYTES;
}

bool http_path_matches(const char *pattern, const char *path, char part[HTTP_PART_BYTES]) {
    for (; *pattern != '\0'; pattern++) {
        if (*pattern != '{') {
            if (*pattern != *path++) return false;
            continue;
        }
        const bool rest = pattern[1] == '*';
        const size_t n = rest ? strlen(path) : strcspn(path, "/");
        if (n == 0 || n >= HTTP_PART_BYTES) return false;
        memcpy(part, path, n);
        part[n] = '\0';
        path += n;
        pattern += strcspn(pattern, "}"); /* the name inside is for the reader */
    }
    return *path == '\0';
}

const char *http_base_name(const char *path) {
    const char *base = path;
    for (const char *at = path; *at != '\0'; at++) {
        if (*at == '/' || *at == '\\') base = at + 1;
    }
    return base;
}

bool http_is_file(const char *name, const char *filename) {
    static const char *const names[] = {"file", "audio", "audio_file", "files", "file[]"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(names[i], name) == 0) return true;
    }
    return filename != NULL;
}

bool http_parse_range(const char *range, uint64_t n, uint64_t *first, uint64_t *n_part) {
    unsigned long long from = 0, to = 0;
    int end = 0;
    if (n == 0) return false;
    if (sscanf(range, "bytes=%llu-%llu%n", &from, &to, &end) == 2 && range[end] == '\0') {
        if (to >= n) to = n - 1;
    } else if (sscanf(range, "bytes=%llu-%n", &from, &end) == 1 && end > 0 && range[end] == '\0') {
        to = n - 1;
    } else if (sscanf(range, "bytes=-%llu%n", &to, &end) == 1 && end > 0 && range[end] == '\0') {
        from = to < n ? n - to : 0;
        to = n - 1;
    } else {
        return false;
    }
    if (from > to) return false;
    *first = from;
    *n_part = to - from + 1;
    return true;
}
