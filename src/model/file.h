/*
 * A file mapped read-only, and a cursor over bytes from outside that checks every length before
 * it is used. Knows no model format.
 */
#ifndef AM_MODEL_FILE_H
#define AM_MODEL_FILE_H

#include "base/status.h"

typedef struct am_map {
    const unsigned char *bytes; /* NULL when the file is empty */
    size_t n_bytes;
} am_map;

/* Errors: E_NOT_FOUND, E_IO, E_MODEL for what is not a regular file. */
AM_CHECK_RESULT am_status am__map_open(const char *path, am_map *map, am_error *error);
void am__map_close(am_map *map);

typedef struct am_reader {
    const unsigned char *bytes;
    size_t n_bytes;
    size_t at;          /* of the next byte; never past n_bytes */
    const char *source; /* file name for messages */
} am_reader;

am_reader am__reader(const am_map *map, const char *source);
size_t am__reader_left(const am_reader *reader);

/* Little-endian values; `what` names the field in the message of E_MODEL. */
AM_CHECK_RESULT am_status am__read_u8(am_reader *reader, const char *what, uint8_t *value,
                                      am_error *error);
AM_CHECK_RESULT am_status am__read_u16(am_reader *reader, const char *what, uint16_t *value,
                                       am_error *error);
AM_CHECK_RESULT am_status am__read_u32(am_reader *reader, const char *what, uint32_t *value,
                                       am_error *error);
AM_CHECK_RESULT am_status am__read_u64(am_reader *reader, const char *what, uint64_t *value,
                                       am_error *error);

/* The next n bytes, borrowed from the map. */
AM_CHECK_RESULT am_status am__read_bytes(am_reader *reader, const char *what, size_t n,
                                         const unsigned char **bytes, am_error *error);

#endif
