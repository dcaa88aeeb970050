/*
 * The parts of a form as they arrive: short ones to memory, files to the spool folder. Knows no
 * HTTP and no library; whoever reads the form calls it piece by piece.
 */
#ifndef AM_SERVER_HTTP_FORM_H
#define AM_SERVER_HTTP_FORM_H

#include "server/http/http.h"

typedef struct form {
    const char *spool_dir;
    uint64_t file_bytes_max;   /* of each file */
    uint64_t field_bytes_max;  /* of all fields together */
    int n_parts_max;
    http_field *fields, *last_field;
    http_file *files, *last_file;
    int n_parts;
    int fd; /* of the last file while it is being received, else -1 */
    uint64_t n_field_bytes;
} form;

void form_init(form *f, const char *spool_dir, uint64_t file_bytes_max, uint64_t field_bytes_max,
               int n_parts_max);
/* Frees the parts and removes the files that nobody has kept. */
void form_free(form *f);

/*
 * A piece of a part; a new part begins at offset 0. E_ARG: too many parts, or one continues that
 * never began; E_LIMIT: over a maximum of bytes; E_NO_SPACE and E_IO: the spool folder.
 */
AM_CHECK_RESULT am_status form_add_field(form *f, const char *name, const char *value, size_t n,
                                         uint64_t offset, am_error *error);
AM_CHECK_RESULT am_status form_add_file(form *f, const char *name, const char *filename,
                                        const char *bytes, size_t n, uint64_t offset,
                                        am_error *error);
/* No more bytes come. */
AM_CHECK_RESULT am_status form_end(form *f, am_error *error);

#endif
