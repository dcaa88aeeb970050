/* Names of files. */
#ifndef AM_BASE_PATH_H
#define AM_BASE_PATH_H

#include "base/status.h"

#define AM_PATH_MAX 4096

/* "FOLDER/NAME"; E_ARG when longer than the buffer. */
AM_CHECK_RESULT am_status am__path_join(const char *folder, const char *name, char *path,
                                        size_t size, am_error *error);
bool am__path_exists(const char *folder, const char *name);

#endif
