/* SHA-256 of streams and files, as lower-case hex. */
#ifndef AM_HUB_SHA256_H
#define AM_HUB_SHA256_H

#include "base/status.h"

#define AM_SHA256_HEX 65 /* 64 digits and a zero */

/* Hashes a whole file. Errors: E_NOT_FOUND, E_IO, E_SYSTEM. */
AM_CHECK_RESULT am_status am__sha256_file(const char *path, char hex[AM_SHA256_HEX],
                                          am_error *error);

#endif
