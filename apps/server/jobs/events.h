/*
 * Server-sent events from the workers to whoever listens. Publishing never waits: a listener that
 * does not keep up loses its stream, and may come again. Any thread. Knows no HTTP.
 */
#ifndef AM_SERVER_JOBS_EVENTS_H
#define AM_SERVER_JOBS_EVENTS_H

#include <stdbool.h>
#include <stddef.h>

#include "amanuensis.h"

typedef struct events events;
typedef struct listener listener;

/* A silent stream gives a comment every keep_alive_s seconds. */
AM_CHECK_RESULT am_status events_new(int n_listeners_max, double keep_alive_s, events **made,
                                     am_error *error);
/* Every stream comes to its end once it has given out what it holds. */
void events_close(events *hub);
void events_free(events **old); /* no listener may be left */

/* Hears the events of one topic, or of all with NULL. E_LIMIT: too many listen. */
AM_CHECK_RESULT am_status events_listen(events *hub, const char *topic, listener **made,
                                        am_error *error);
void events_leave(listener *l);

/* To all who hear the topic; `last` ends the streams that hear it alone. data: one line. */
void events_publish(events *hub, const char *topic, const char *name, const char *data, bool last);
/* To one listener alone, before others: what was before it came. */
void events_tell(listener *l, const char *name, const char *data, bool last);

/*
 * Up to `capacity` bytes of the stream; waits up to a second for some, 0 when there are none.
 * Comments keep the connection alive. *over: nothing more will come.
 */
size_t events_read(listener *l, char *bytes, size_t capacity, bool *over);

#endif
