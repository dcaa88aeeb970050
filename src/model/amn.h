/*
 * The container .amn, as docs/amn.md describes it: names of entries and their kinds, reading (by
 * am__amn_read), checking and writing. What goes into the entries is the writer's business
 * (engine/write_amn.c).
 */
#ifndef AM_MODEL_AMN_H
#define AM_MODEL_AMN_H

#include "model/reader.h"

typedef enum am_amn_kind {
    AM_AMN_F32,
    AM_AMN_F16,
    AM_AMN_PANELS, /* 8-bit weights: panels of am__s8_stored */
    AM_AMN_U32,
    AM_AMN_BYTES,
    AM_AMN_S4_PANELS, /* 4-bit weights: panels of gemm_s4.h, format am__s8_stored */
    AM_AMN_N_KINDS
} am_amn_kind;

#define AM_AMN_OUTPUT "decoder.output.weight"
#define AM_AMN_SCALE ".scale" /* behind the name of panels: f32 [1, rows] */
#define AM_AMN_TOKEN_LENGTHS "vocabulary.lengths"
#define AM_AMN_TOKEN_BYTES "vocabulary.bytes"
#define AM_AMN_HEADS "alignment_heads"

/* The names of all other tensors. */
extern const am_naming am__amn_naming;

/* Whether a file begins like an .amn file. */
AM_CHECK_RESULT am_status am__amn_begins(const char *path, bool *is_amn, am_error *error);

/* Reads all of the file and compares every checksum; E_MODEL names the entry that is damaged. */
AM_CHECK_RESULT am_status am__amn_verify(const char *path, am_error *error);

/* Writes a file under a temporary name beside `path`; errors of writing are E_IO, E_NO_SPACE. */
typedef struct am_amn_writer am_amn_writer;

AM_CHECK_RESULT am_status am__amn_create(const char *path, const am_dims *dims,
                                         am_amn_writer **writer, am_error *error);
/* Begins an entry, whose bytes follow in any number of pieces. */
AM_CHECK_RESULT am_status am__amn_begin(am_amn_writer *writer, const char *name, am_amn_kind kind,
                                        size_t n_rows, size_t n_cols, am_error *error);
AM_CHECK_RESULT am_status am__amn_append(am_amn_writer *writer, const void *bytes, size_t n_bytes,
                                         am_error *error);
/* Finishes the file, on the disk itself, and renames it into place; frees the writer. */
AM_CHECK_RESULT am_status am__amn_commit(am_amn_writer **writer, am_error *error);
/* Removes what was written; NULL is allowed. */
void am__amn_discard(am_amn_writer **writer);

/* ---- What reader and writer share -------------------------------------------------------- */

#define AM_AMN_MAGIC "\x89" "AMN\r\n\x1a\n"
#define AM_AMN_VERSION 2
#define AM_AMN_HEADER_BYTES 64
#define AM_AMN_ENTRY_BYTES 96
#define AM_AMN_NAME_BYTES 64
#define AM_AMN_N_DIMS 9

/* Where in the header and in an entry. */
enum {
    AM_AMN_AT_VERSION = 8,
    AM_AMN_AT_N_ENTRIES = 12,
    AM_AMN_AT_FILE_BYTES = 16,
    AM_AMN_AT_DIMS = 24,
    AM_AMN_AT_CRC = 60, /* of the header before it and of the table */
    AM_AMN_AT_KIND = 64,
    AM_AMN_AT_ROWS = 68,
    AM_AMN_AT_COLS = 72,
    AM_AMN_AT_ENTRY_CRC = 76,
    AM_AMN_AT_OFFSET = 80,
    AM_AMN_AT_N_BYTES = 88,
};

/* The next multiple of the alignment of payloads, 64; false on overflow. */
bool am__amn_align(size_t at, size_t *aligned);

/* Bytes of an entry's payload; false on overflow. */
bool am__amn_n_bytes(am_amn_kind kind, size_t n_rows, size_t n_cols, size_t *n_bytes);

/* The dimensions in the order of the header. */
void am__amn_dims(am_dims *dims, int *fields[AM_AMN_N_DIMS]);

#endif
