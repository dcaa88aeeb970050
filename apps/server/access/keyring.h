/*
 * The API keys that are valid now: a copy of the store's in memory, at most a second old, so that
 * `amanuensis keys` works beside a running server and a request costs no transaction. Any thread.
 */
#ifndef AM_SERVER_ACCESS_KEYRING_H
#define AM_SERVER_ACCESS_KEYRING_H

#include "server/store/store.h"

typedef struct keyring keyring;

AM_CHECK_RESULT am_status keyring_new(store *from, keyring **made, am_error *error);
void keyring_free(keyring **old);

/* Without any, everybody may ask. */
bool keyring_has_keys(keyring *ring);
/* Whether the key is one; `id` is its id in the store. The time tells nothing about the key. */
bool keyring_find(keyring *ring, const char *key, char id[STORE_ID_BYTES]);

/* Makes a key of 256 random bits: what is told to its owner, and what the store keeps. */
#define KEYRING_KEY_BYTES 80
AM_CHECK_RESULT am_status keyring_make(const char *name, char key[KEYRING_KEY_BYTES], api_key *kept,
                                       am_error *error);

#endif
