/* What must not be guessed or forged: digests, signatures and random names. */
#ifndef AM_SERVER_BASE_CRYPTO_H
#define AM_SERVER_BASE_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>

#include "amanuensis.h"

#define CRYPTO_HEX_BYTES 65 /* 32 bytes in hexadecimal, with the zero */

AM_CHECK_RESULT am_status crypto_sha256_hex(const void *bytes, size_t n, char hex[CRYPTO_HEX_BYTES],
                                            am_error *error);
/* HMAC-SHA256 (RFC 2104). */
AM_CHECK_RESULT am_status crypto_hmac_hex(const char *secret, const void *bytes, size_t n,
                                          char hex[CRYPTO_HEX_BYTES], am_error *error);
/* n_bytes (at most 32) from the system's generator; hex has room for twice that and a zero. */
AM_CHECK_RESULT am_status crypto_random_hex(size_t n_bytes, char *hex, am_error *error);
/* Compares in a time that tells nothing about where they differ. */
bool crypto_equal(const char *a, const char *b);

#endif
