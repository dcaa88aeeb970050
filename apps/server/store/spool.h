/* Files of the spool folder: what uploads and requests bring, until it is transcribed. */
#ifndef AM_SERVER_STORE_SPOOL_H
#define AM_SERVER_STORE_SPOOL_H

#include "amanuensis.h"

/* Makes a folder and those above it, for the owner alone. */
AM_CHECK_RESULT am_status spool_make_folder(const char *path, am_error *error);
/* Removes what a server that died has left of uploads. */
void spool_clean(const char *folder);
/* Decodes base64 (RFC 4648; a data: URL's head is passed over) into a new file. */
AM_CHECK_RESULT am_status spool_write_base64(const char *folder, const char *encoded, char *path,
                                             size_t size, am_error *error);
/* A small file as a string of heap.h; E_LIMIT above n_max. */
AM_CHECK_RESULT am_status spool_read(const char *path, size_t n_max, char **bytes, size_t *n,
                                     am_error *error);

#endif
