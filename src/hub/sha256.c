/* The only user of libcrypto: see sha256.h. */
#include "hub/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

static am_status digest_file(int descriptor, const char *path, EVP_MD_CTX *context,
                             unsigned char digest[EVP_MAX_MD_SIZE], unsigned *n_digest,
                             am_error *error) {
    unsigned char block[1 << 16];
    if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
        AM_FAIL(error, AM_E_SYSTEM, "SHA-256 is not available");
    }
    for (;;) {
        const ssize_t n = read(descriptor, block, sizeof block);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return am__fail_errno(error, errno, "%s", path);
        if (n == 0) break;
        if (EVP_DigestUpdate(context, block, (size_t)n) != 1) {
            AM_FAIL(error, AM_E_SYSTEM, "%s: SHA-256 failed", path);
        }
    }
    if (EVP_DigestFinal_ex(context, digest, n_digest) != 1) {
        AM_FAIL(error, AM_E_SYSTEM, "%s: SHA-256 failed", path);
    }
    return AM_OK;
}

am_status am__sha256_file(const char *path, char hex[AM_SHA256_HEX], am_error *error) {
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n_digest = 0;
    am_status status = AM_OK;
    EVP_MD_CTX *context = NULL;
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return am__fail_errno(error, errno, "%s", path);
    context = EVP_MD_CTX_new();
    if (context == NULL) {
        status = am__fail(error, AM_E_MEMORY, "no memory for SHA-256");
        goto done;
    }
    AM_TRY_DONE(digest_file(descriptor, path, context, digest, &n_digest, error));
    for (unsigned i = 0; i < n_digest && 2 * i + 2 < AM_SHA256_HEX; i++) {
        hex[2 * i] = digits[digest[i] >> 4];
        hex[2 * i + 1] = digits[digest[i] & 15];
    }
    hex[AM_SHA256_HEX - 1] = '\0';
done:
    EVP_MD_CTX_free(context);
    close(descriptor);
    return status;
}
