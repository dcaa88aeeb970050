/* Keys in memory: see keyring.h. */
#include "server/access/keyring.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/base/crypto.h"
#include "server/base/server_log.h"
#include "server/base/wall_clock.h"

#define FRESH_S 1.0
#define NOTE_USE_S 60.0 /* how exactly the store knows when a key was last used */
#define PREFIX "amn-"

struct keyring {
    store *from;
    pthread_mutex_t lock;
    api_key *keys;
    size_t n;
    double loaded;
};

/* The lock is held. When the store cannot be read the old keys stay, so that no trouble of the
 * disk opens the server. */
static void refresh(keyring *ring) {
    api_key *keys = NULL;
    size_t n = 0;
    am_error error;
    const double now = clock_now();
    if (now - ring->loaded < FRESH_S) return;
    ring->loaded = now;
    if (store_list_keys(ring->from, &keys, &n, &error) != AM_OK) {
        log_line(AM_LOG_WARN, "the keys cannot be read again: %s", error.detail);
        return;
    }
    heap_free(ring->keys);
    ring->keys = keys;
    ring->n = n;
}

am_status keyring_new(store *from, keyring **made, am_error *error) {
    keyring *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the keys");
    fresh->from = from;
    fresh->loaded = clock_now();
    const am_status status = store_list_keys(from, &fresh->keys, &fresh->n, error);
    if (status != AM_OK) {
        heap_free(fresh);
        return status;
    }
    pthread_mutex_init(&fresh->lock, NULL);
    *made = fresh;
    return AM_OK;
}

void keyring_free(keyring **old) {
    if (*old == NULL) return;
    pthread_mutex_destroy(&(*old)->lock);
    heap_free((*old)->keys);
    heap_free(*old);
    *old = NULL;
}

bool keyring_has_keys(keyring *ring) {
    pthread_mutex_lock(&ring->lock);
    refresh(ring);
    const bool has = ring->n > 0;
    pthread_mutex_unlock(&ring->lock);
    return has;
}

bool keyring_find(keyring *ring, const char *key, char id[STORE_ID_BYTES]) {
    char digest[CRYPTO_HEX_BYTES];
    am_error error;
    api_key *found = NULL;
    bool note_use = false;
    const double now = clock_wall();
    if (crypto_sha256_hex(key, strlen(key), digest, &error) != AM_OK) return false;
    pthread_mutex_lock(&ring->lock);
    refresh(ring);
    for (size_t i = 0; i < ring->n; i++) {
        if (crypto_equal(ring->keys[i].digest, digest)) found = &ring->keys[i];
    }
    if (found != NULL) {
        memcpy(id, found->id, STORE_ID_BYTES);
        note_use = isnan(found->used) || now - found->used > NOTE_USE_S;
        if (note_use) found->used = now;
    }
    pthread_mutex_unlock(&ring->lock);
    api_key used;
    if (note_use && store_use_key(ring->from, digest, now, &used, &error) != AM_OK) {
        log_line(AM_LOG_WARN, "the use of key %s cannot be noted: %s", id, error.detail);
    }
    return found != NULL;
}

am_status keyring_make(const char *name, char key[KEYRING_KEY_BYTES], api_key *kept,
                       am_error *error) {
    char random[2 * 32 + 1];
    *kept = (api_key){.created = clock_wall(), .used = NAN};
    if (name[0] == '\0' || strlen(name) >= sizeof kept->name) {
        return report_fail(error, AM_E_ARG, "a key's name has 1 to %zu bytes",
                           sizeof kept->name - 1);
    }
    snprintf(kept->name, sizeof kept->name, "%s", name);
    REPORT_TRY(crypto_random_hex(8, random, error));
    snprintf(kept->id, sizeof kept->id, "key_%.16s", random);
    REPORT_TRY(crypto_random_hex(32, random, error));
    snprintf(key, KEYRING_KEY_BYTES, PREFIX "%s", random);
    return crypto_sha256_hex(key, strlen(key), kept->digest, error);
}
