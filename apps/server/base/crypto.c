/* Digests and random names over OpenSSL: see crypto.h. */
#include "server/base/crypto.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "common/report.h"

static void to_hex(const unsigned char *bytes, size_t n, char *hex) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * n] = '\0';
}

am_status crypto_sha256_hex(const void *bytes, size_t n, char hex[CRYPTO_HEX_BYTES],
                            am_error *error) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n_digest = 0;
    if (EVP_Digest(bytes, n, digest, &n_digest, EVP_sha256(), NULL) != 1 || n_digest != 32) {
        return report_fail(error, AM_E_INTERNAL, "no SHA-256");
    }
    to_hex(digest, 32, hex);
    return AM_OK;
}

am_status crypto_hmac_hex(const char *secret, const void *bytes, size_t n,
                          char hex[CRYPTO_HEX_BYTES], am_error *error) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n_digest = 0;
    const size_t n_secret = strlen(secret);
    if (n_secret > INT_MAX || HMAC(EVP_sha256(), secret, (int)n_secret, bytes, n, digest,
                                   &n_digest) == NULL || n_digest != 32) {
        return report_fail(error, AM_E_INTERNAL, "no HMAC");
    }
    to_hex(digest, 32, hex);
    return AM_OK;
}

am_status crypto_random_hex(size_t n_bytes, char *hex, am_error *error) {
    unsigned char bytes[32];
    if (n_bytes > sizeof bytes || RAND_bytes(bytes, (int)n_bytes) != 1) {
        return report_fail(error, AM_E_SYSTEM, "no random bytes");
    }
    to_hex(bytes, n_bytes, hex);
    return AM_OK;
}

bool crypto_equal(const char *a, const char *b) {
    const size_t n = strlen(a);
    return strlen(b) == n && CRYPTO_memcmp(a, b, n) == 0;
}
