/* Writing .amn: see amn.h. Header and table are known last, so the table stands at the end. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/amn.h"
#include "text/compress.h"

#define N_ENTRIES_MAX AM_MAX_TENSORS
#define TEMPORARY_NAMES 1000

typedef struct amn_entry {
    unsigned char bytes[AM_AMN_ENTRY_BYTES];
} amn_entry;

struct am_amn_writer {
    FILE *file; /* NULL when closed */
    char path[AM_PATH_MAX];
    char temporary[AM_PATH_MAX];
    am_dims dims;
    size_t at; /* bytes written */
    amn_entry *entries;
    size_t n_entries, capacity;
    size_t n_left; /* bytes the entry begun still needs */
    uint32_t crc;
};

static void put_u32(unsigned char *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static void put_u64(unsigned char *at, uint64_t value) {
    for (int i = 0; i < 8; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static am_status fail_write(const am_amn_writer *writer, int code, am_error *error) {
    return am__fail_errno(error, code, "cannot write %s", writer->path);
}

/* Opens a file beside `path` that nobody else has; not by mkstemp, whose files are their owner's
 * alone and stay so. */
static am_status open_temporary(am_amn_writer *writer, am_error *error) {
    int descriptor = -1;
    for (int i = 0; descriptor < 0 && i < TEMPORARY_NAMES; i++) {
        const int n = snprintf(writer->temporary, sizeof writer->temporary, "%s.%ld-%d",
                               writer->path, (long)getpid(), i);
        if (n < 0 || (size_t)n >= sizeof writer->temporary) {
            AM_FAIL(error, AM_E_ARG, "%s: path too long", writer->path);
        }
        descriptor = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (descriptor < 0 && errno != EEXIST) break;
    }
    if (descriptor < 0) return fail_write(writer, errno, error);
    writer->file = fdopen(descriptor, "wb");
    if (writer->file != NULL) return AM_OK;
    const int code = errno;
    close(descriptor);
    unlink(writer->temporary);
    return fail_write(writer, code, error);
}

static am_status write_bytes(am_amn_writer *writer, const void *bytes, size_t n, am_error *error) {
    if (n > 0 && fwrite(bytes, 1, n, writer->file) != n) return fail_write(writer, errno, error);
    writer->at += n;
    return AM_OK;
}

am_status am__amn_create(const char *path, const am_dims *dims, am_amn_writer **writer,
                         am_error *error) {
    static const unsigned char nothing[AM_AMN_HEADER_BYTES] = {0};
    am_amn_writer *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->dims = *dims;
    const int n = snprintf(fresh->path, sizeof fresh->path, "%s", path);
    am_status status = n >= 0 && (size_t)n < sizeof fresh->path
                           ? open_temporary(fresh, error)
                           : am__fail(error, AM_E_ARG, "%s: path too long", path);
    if (status == AM_OK) status = write_bytes(fresh, nothing, sizeof nothing, error);
    if (status != AM_OK) {
        am__amn_discard(&fresh);
        return status;
    }
    *writer = fresh;
    return AM_OK;
}

void am__amn_discard(am_amn_writer **writer) {
    am_amn_writer *old = *writer;
    if (old == NULL) return;
    if (old->file != NULL) {
        fclose(old->file);
        unlink(old->temporary);
    }
    am__free(old->entries);
    am__free(old);
    *writer = NULL;
}

static am_status grow(am_amn_writer *writer, am_error *error) {
    if (writer->n_entries < writer->capacity) return AM_OK;
    if (writer->capacity >= N_ENTRIES_MAX) {
        AM_FAIL(error, AM_E_LIMIT, "%s: more than %d entries", writer->path, N_ENTRIES_MAX);
    }
    const size_t capacity = writer->capacity == 0 ? 256 : 2 * writer->capacity;
    amn_entry *entries = NULL;
    AM_TRY(AM_NEW(&entries, capacity, error));
    if (writer->n_entries > 0) {
        memcpy(entries, writer->entries, writer->n_entries * sizeof *entries);
    }
    am__free(writer->entries);
    writer->entries = entries;
    writer->capacity = capacity;
    return AM_OK;
}

/* The entry begun last gets its checksum, and zeros behind it up to the next payload's place. */
static am_status end_entry(am_amn_writer *writer, am_error *error) {
    static const unsigned char zeros[64] = {0};
    size_t aligned;
    if (writer->n_left != 0) {
        AM_FAIL(error, AM_E_INTERNAL, "%s: an entry lacks %zu bytes", writer->path,
                writer->n_left);
    }
    if (writer->n_entries > 0) {
        unsigned char *last = writer->entries[writer->n_entries - 1].bytes;
        put_u32(last + AM_AMN_AT_ENTRY_CRC, writer->crc);
    }
    if (!am__amn_align(writer->at, &aligned)) {
        AM_FAIL(error, AM_E_LIMIT, "%s: too large", writer->path);
    }
    return write_bytes(writer, zeros, aligned - writer->at, error);
}

am_status am__amn_begin(am_amn_writer *writer, const char *name, am_amn_kind kind, size_t n_rows,
                        size_t n_cols, am_error *error) {
    size_t n_bytes;
    if (strlen(name) >= AM_AMN_NAME_BYTES || !am__amn_n_bytes(kind, n_rows, n_cols, &n_bytes)) {
        AM_FAIL(error, AM_E_LIMIT, "%s: %s [%zu, %zu] is too large", writer->path, name, n_rows,
                n_cols);
    }
    AM_TRY(end_entry(writer, error));
    AM_TRY(grow(writer, error));
    unsigned char *entry = writer->entries[writer->n_entries++].bytes;
    memcpy(entry, name, strlen(name));
    put_u32(entry + AM_AMN_AT_KIND, (uint32_t)kind);
    put_u32(entry + AM_AMN_AT_ROWS, (uint32_t)n_rows);
    put_u32(entry + AM_AMN_AT_COLS, (uint32_t)n_cols);
    put_u64(entry + AM_AMN_AT_OFFSET, writer->at);
    put_u64(entry + AM_AMN_AT_N_BYTES, n_bytes);
    writer->n_left = n_bytes;
    writer->crc = 0;
    return AM_OK;
}

am_status am__amn_append(am_amn_writer *writer, const void *bytes, size_t n_bytes,
                         am_error *error) {
    if (n_bytes > writer->n_left) {
        AM_FAIL(error, AM_E_INTERNAL, "%s: an entry has %zu bytes too many", writer->path,
                n_bytes - writer->n_left);
    }
    writer->n_left -= n_bytes;
    writer->crc = am__crc32(writer->crc, bytes, n_bytes);
    return write_bytes(writer, bytes, n_bytes, error);
}

static am_status write_table(am_amn_writer *writer, am_error *error) {
    unsigned char header[AM_AMN_HEADER_BYTES] = {0};
    int *dims[AM_AMN_N_DIMS];
    AM_TRY(end_entry(writer, error));
    const size_t n_bytes = writer->n_entries * AM_AMN_ENTRY_BYTES;
    AM_TRY(write_bytes(writer, writer->entries, n_bytes, error));
    memcpy(header, AM_AMN_MAGIC, strlen(AM_AMN_MAGIC));
    put_u32(header + AM_AMN_AT_VERSION, AM_AMN_VERSION);
    put_u32(header + AM_AMN_AT_N_ENTRIES, (uint32_t)writer->n_entries);
    put_u64(header + AM_AMN_AT_FILE_BYTES, writer->at);
    am__amn_dims(&writer->dims, dims);
    for (size_t i = 0; i < AM_AMN_N_DIMS; i++) {
        put_u32(header + AM_AMN_AT_DIMS + 4 * i, (uint32_t)*dims[i]);
    }
    const uint32_t sum = am__crc32(0, header, AM_AMN_AT_CRC);
    put_u32(header + AM_AMN_AT_CRC, am__crc32(sum, writer->entries, n_bytes));
    if (fseek(writer->file, 0, SEEK_SET) != 0) return fail_write(writer, errno, error);
    return write_bytes(writer, header, sizeof header, error);
}

am_status am__amn_commit(am_amn_writer **writer, am_error *error) {
    am_amn_writer *w = *writer;
    const am_status status = write_table(w, error);
    if (status != AM_OK) {
        am__amn_discard(writer);
        return status;
    }
    const bool flushed = fflush(w->file) == 0 && fsync(fileno(w->file)) == 0;
    int code = flushed ? 0 : errno;
    if (fclose(w->file) != 0 && code == 0) code = errno;
    w->file = NULL;
    if (code == 0 && rename(w->temporary, w->path) != 0) code = errno;
    if (code != 0) unlink(w->temporary);
    const am_status written = code == 0 ? AM_OK : fail_write(w, code, error);
    am__amn_discard(writer);
    return written;
}
