/* The library's only user of zlib: see compress.h. */
#include "text/compress.h"

#define ZLIB_CONST /* next_in points to const */
#include <zlib.h>

#define N_TEXT_BYTES_MAX ((size_t)1 << 30)

struct am_compressor {
    z_stream stream;
};

static voidpf zlib_allocate(voidpf user, uInt n, uInt size) {
    (void)user;
    void *block = NULL;
    return am__alloc(n, size, &block, NULL) == AM_OK ? block : Z_NULL;
}

static void zlib_release(voidpf user, voidpf block) {
    (void)user;
    am__free(block);
}

am_status am__compressor_new(am_compressor **compressor, am_error *error) {
    am_compressor *fresh = NULL;
    AM_TRY(AM_NEW(&fresh, 1, error));
    fresh->stream.zalloc = zlib_allocate;
    fresh->stream.zfree = zlib_release;
    const int code = deflateInit(&fresh->stream, Z_DEFAULT_COMPRESSION);
    if (code != Z_OK) {
        am__free(fresh);
        AM_FAIL(error, code == Z_MEM_ERROR ? AM_E_MEMORY : AM_E_INTERNAL,
                "zlib: deflateInit returned %d", code);
    }
    *compressor = fresh;
    return AM_OK;
}

void am__compressor_free(am_compressor **compressor) {
    if (compressor == NULL || *compressor == NULL) return;
    deflateEnd(&(*compressor)->stream);
    am__free(*compressor);
    *compressor = NULL;
}

am_status am__compression_ratio(am_compressor *compressor, const char *text, size_t n_bytes,
                                double *ratio, am_error *error) {
    unsigned char out[1024]; /* only the length matters: written over again and again */
    z_stream *stream = &compressor->stream;
    if (n_bytes > N_TEXT_BYTES_MAX) {
        AM_FAIL(error, AM_E_LIMIT, "text of %zu bytes: at most %zu are compressed", n_bytes,
                N_TEXT_BYTES_MAX);
    }
    int code = deflateReset(stream);
    stream->next_in = (const Bytef *)text;
    stream->avail_in = (uInt)n_bytes;
    while (code == Z_OK) {
        stream->next_out = out;
        stream->avail_out = sizeof out;
        code = deflate(stream, Z_FINISH);
    }
    if (code != Z_STREAM_END) AM_FAIL(error, AM_E_INTERNAL, "zlib: deflate returned %d", code);
    *ratio = (double)n_bytes / (double)stream->total_out;
    return AM_OK;
}

uint32_t am__crc32(uint32_t before, const void *bytes, size_t n) {
    return (uint32_t)crc32_z(before, bytes, n);
}
