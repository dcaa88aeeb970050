/*
 * Files that are whole or absent: written under a temporary name in the same folder, renamed into
 * place by output_file_commit, removed by output_file_discard.
 */
#ifndef AM_CLI_OUTPUT_FILE_H
#define AM_CLI_OUTPUT_FILE_H

#include <stdio.h>

#include "amanuensis.h"

#define OUTPUT_PATH_BYTES 4096

typedef struct output_file {
    FILE *stream; /* NULL when closed */
    char path[OUTPUT_PATH_BYTES];
    char temporary[OUTPUT_PATH_BYTES];
} output_file;

/* Makes a folder and those above it. */
AM_CHECK_RESULT am_status output_folder_make(const char *path, am_error *error);

AM_CHECK_RESULT am_status output_file_open(output_file *file, const char *path, am_error *error);
/* Writes what is buffered, to the disk itself, and renames; discards the file on failure. */
AM_CHECK_RESULT am_status output_file_commit(output_file *file, am_error *error);
void output_file_discard(output_file *file);

/* An am_write_fn whose `user` is the FILE *. */
am_status output_write(void *stream, const char *bytes, size_t n_bytes);

#endif
