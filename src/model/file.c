/* Mapping and bounds-checked reading: see file.h. */
#include "model/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

am_status am__map_open(const char *path, am_map *map, am_error *error) {
    am_status status = AM_OK;
    struct stat info;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return am__fail_errno(error, errno, "%s", path);
    if (fstat(descriptor, &info) != 0) {
        status = am__fail_errno(error, errno, "%s", path);
        goto done;
    }
    if (!S_ISREG(info.st_mode)) {
        status = am__fail(error, AM_E_MODEL, "%s: not a regular file", path);
        goto done;
    }
    *map = (am_map){0};
    if (info.st_size == 0) goto done;
    void *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED) {
        status = am__fail_errno(error, errno, "%s", path);
        goto done;
    }
    *map = (am_map){.bytes = bytes, .n_bytes = (size_t)info.st_size};
done:
    close(descriptor);
    return status;
}

void am__map_close(am_map *map) {
    /* munmap takes a pointer to mutable memory, though it writes nothing. */
    union {
        const unsigned char *mapped;
        void *address;
    } block = {.mapped = map->bytes};
    if (block.address != NULL) munmap(block.address, map->n_bytes);
    *map = (am_map){0};
}

am_reader am__reader(const am_map *map, const char *source) {
    return (am_reader){.bytes = map->bytes, .n_bytes = map->n_bytes, .source = source};
}

size_t am__reader_left(const am_reader *reader) {
    return reader->n_bytes - reader->at;
}

am_status am__read_bytes(am_reader *reader, const char *what, size_t n,
                         const unsigned char **bytes, am_error *error) {
    if (n > am__reader_left(reader)) {
        AM_FAIL(error, AM_E_MODEL, "%s: %s needs %zu bytes at offset %zu, the file has %zu left",
                reader->source, what, n, reader->at, am__reader_left(reader));
    }
    *bytes = reader->bytes + reader->at;
    reader->at += n;
    return AM_OK;
}

static am_status read_little_endian(am_reader *reader, const char *what, size_t n,
                                    uint64_t *value, am_error *error) {
    const unsigned char *bytes = NULL;
    AM_TRY(am__read_bytes(reader, what, n, &bytes, error));
    *value = 0;
    for (size_t i = 0; i < n; i++) *value |= (uint64_t)bytes[i] << (8 * i);
    return AM_OK;
}

#define READ_FUNCTION(bits)                                                                      \
    am_status am__read_u##bits(am_reader *reader, const char *what, uint##bits##_t *value,       \
                               am_error *error) {                                                \
        uint64_t wide = 0;                                                                         \
        AM_TRY(read_little_endian(reader, what, (bits) / 8, &wide, error));                      \
        *value = (uint##bits##_t)wide;                                                           \
        return AM_OK;                                                                            \
    }

READ_FUNCTION(8)
READ_FUNCTION(16)
READ_FUNCTION(32)
READ_FUNCTION(64)
