/*
 * What holds for all routes, before any body is read: API keys, rates, the pages of other origins,
 * headers of safety. Any thread.
 *
 * KEYS. A key is 256 random bits, and the store has its SHA-256. No slow hash is needed, as for
 * passwords: there is nothing to guess through, and a digest that is stolen opens nothing. Without
 * a key in the store everybody may ask.
 */
#ifndef AM_SERVER_HANDLERS_ADMISSION_H
#define AM_SERVER_HANDLERS_ADMISSION_H

#include "server/handlers/app.h"

typedef struct admission admission;

AM_CHECK_RESULT am_status admission_new(const options *opts, store *keys, admission **made,
                                       am_error *error);
void admission_free(admission **old);

/* http_options.admit: true, or it has replied. `context` is the app. */
bool admission_check(void *context, http_request *request);

#endif
