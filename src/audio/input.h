/*
 * Where encoded bytes come from: a file descriptor or a block of memory. Knows nothing of formats.
 */
#ifndef AM_AUDIO_INPUT_H
#define AM_AUDIO_INPUT_H

#include <stdint.h>

#include "base/status.h"

typedef struct am_input {
    const char *name;     /* for messages; borrowed until the input is open */
    const uint8_t *bytes; /* memory, when fd is -1 */
    size_t n_bytes;
    size_t position;
    int fd; /* -1 = memory */
    bool seekable;
    bool any;  /* a byte was read: it is not empty */
    int error; /* errno of the first read that failed, 0 = none */
} am_input;

/* "-" is standard input. E_NOT_FOUND, E_IO; a directory is E_AUDIO. */
AM_CHECK_RESULT am_status am__input_open_file(const char *path, am_input *input, am_error *error);
void am__input_open_memory(const void *bytes, size_t n_bytes, am_input *input);
void am__input_close(am_input *input);

/* Bytes read, 0 at the end, or -1 with input->error set. */
int am__input_read(am_input *input, uint8_t *bytes, int n);
/* lseek's arguments and answer; -1 when it cannot be done. */
int64_t am__input_seek(am_input *input, int64_t offset, int whence);
/* Bytes in all, or -1 when the input is a pipe. */
int64_t am__input_size(const am_input *input);

#endif
