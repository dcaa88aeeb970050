/*
 * Deliveries to webhooks: what the store holds is posted, signed, until somebody takes it or
 * enough attempts were made. They survive a restart. The only place of the programs that knows
 * libcurl.
 */
#ifndef AM_SERVER_JOBS_WEBHOOK_H
#define AM_SERVER_JOBS_WEBHOOK_H

#include "common/options.h"
#include "server/store/store.h"

typedef struct webhooks webhooks;

AM_CHECK_RESULT am_status webhooks_start(const options *opts, store *s, webhooks **made,
                                         am_error *error);
/* There may be something new to deliver. */
void webhooks_wake(webhooks *hooks);
void webhooks_stop(webhooks **old);

/*
 * Whether a client may name this URL: http or https, with a host, and no address of a local
 * network unless that is allowed. Names are looked at when they are connected to: E_ARG.
 */
AM_CHECK_RESULT am_status webhook_check(const char *url, bool private_allowed, am_error *error);

#endif
