/* Files of the spool: see spool.h. */
#include "server/store/spool.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/heap.h"
#include "common/report.h"

am_status spool_make_folder(const char *path, am_error *error) {
    char part[1024];
    const size_t n = strlen(path);
    if (n == 0 || n >= sizeof part) return report_fail(error, AM_E_ARG, "%s: path too long", path);
    memcpy(part, path, n + 1);
    for (size_t i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0') continue;
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) {
            return report_fail_errno(error, errno, "cannot make the folder %s", part);
        }
        if (i < n) part[i] = '/';
    }
    return AM_OK;
}

void spool_clean(const char *folder) {
    DIR *dir = opendir(folder);
    if (dir == NULL) return;
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strncmp(entry->d_name, "upload-", 7) != 0) continue;
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    closedir(dir);
}

static int digit_of(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+' || c == '-') return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

/* Writes what the text means; false at a character that means nothing. */
static bool decode_to(FILE *out, const char *encoded) {
    unsigned bits = 0;
    int n_bits = 0;
    for (const char *at = encoded; *at != '\0'; at++) {
        const int digit = digit_of(*at);
        if (*at == '=' || *at == '\n' || *at == '\r' || *at == ' ') continue;
        if (digit < 0) return false;
        bits = (bits << 6 | (unsigned)digit) & 0xffffu;
        n_bits += 6;
        if (n_bits < 8) continue;
        n_bits -= 8;
        fputc((int)(bits >> n_bits & 0xffu), out);
    }
    return true;
}

am_status spool_write_base64(const char *folder, const char *encoded, char *path, size_t size,
                             am_error *error) {
    const char *data = strstr(encoded, ";base64,");
    if (strncmp(encoded, "data:", 5) == 0 && data != NULL) encoded = data + 8;
    char name[1024];
    snprintf(name, sizeof name, "%s/upload-XXXXXX", folder);
    const int fd = mkstemp(name);
    FILE *out = fd >= 0 ? fdopen(fd, "wb") : NULL;
    if (out == NULL) {
        const int code = errno;
        if (fd >= 0) close(fd);
        return report_fail_errno(error, code, "the spool folder takes no file");
    }
    const bool decoded = decode_to(out, encoded);
    errno = 0;
    const bool written = ferror(out) == 0;
    const bool closed = fclose(out) == 0;
    if (decoded && written && closed) {
        snprintf(path, size, "%s", name);
        return AM_OK;
    }
    const int code = errno;
    unlink(name);
    if (!decoded) return report_fail(error, AM_E_ARG, "audio: no base64");
    return report_fail_errno(error, code != 0 ? code : EIO, "the spool folder takes no more");
}

am_status spool_read(const char *path, size_t n_max, char **bytes, size_t *n, am_error *error) {
    FILE *in = fopen(path, "rb");
    if (in == NULL) return report_fail_errno(error, errno, "%s", path);
    char *fresh = heap_new(n_max + 1);
    const size_t n_read = fresh != NULL ? fread(fresh, 1, n_max + 1, in) : 0;
    const bool failed = ferror(in) != 0;
    fclose(in);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "%s", path);
    if (failed || n_read > n_max) {
        heap_free(fresh);
        if (failed) return report_fail(error, AM_E_IO, "%s: cannot read", path);
        return report_fail(error, AM_E_LIMIT, "%s: more than %zu bytes", path, n_max);
    }
    fresh[n_read] = '\0';
    *bytes = fresh;
    *n = n_read;
    return AM_OK;
}
