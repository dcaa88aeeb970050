/*
 * The open connections, and a reaper that ends those whose request does not come: a client that
 * sends its headers byte by byte is never silent, so a timeout of silence does not see it. Knows
 * no HTTP; any thread may call.
 */
#ifndef AM_SERVER_HTTP_CONNECTIONS_H
#define AM_SERVER_HTTP_CONNECTIONS_H

#include <stdbool.h>

#include "amanuensis.h"

typedef struct connections connections;

/* `wait_s`: from the connection, or the end of its last request, to the end of the headers. */
AM_CHECK_RESULT am_status connections_new(double wait_s, connections **list, am_error *error);
void connections_free(connections **list); /* all have been removed */

/* `key` stands for the connection. One that cannot be noted for want of memory is not reaped. */
void connections_add(connections *list, const void *key, int fd);
void connections_remove(connections *list, const void *key);
void connections_mark(connections *list, const void *key, bool in_request);
/* How many are open, and how many of those have a request under way. */
int connections_count(connections *list);
int connections_busy(connections *list);

#endif
