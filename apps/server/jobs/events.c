/* Events: see events.h. */
#include "server/jobs/events.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/store/store.h"
#include "server/base/text_buffer.h"
#include "server/base/wall_clock.h"

#define QUEUE_BYTES_MAX ((size_t)4 << 20)    /* of events that are not yet sent */
#define HISTORY_BYTES_MAX ((size_t)512 << 20) /* of what was before a listener came */
#define LOOK_NANOSECONDS 250000000L

struct listener {
    events *hub;
    char topic[STORE_ID_BYTES]; /* "" = all */
    text queue;
    size_t n_sent; /* of the queue */
    size_t n_history; /* of the queue, does not count against it */
    double last_sent;
    bool ending;   /* after what is in the queue */
    listener *next;
};

struct events {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    listener *first;
    int n_listeners, n_listeners_max;
    double keep_alive_s;
    bool closed;
};

am_status events_new(int n_listeners_max, double keep_alive_s, events **made, am_error *error) {
    events *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "events");
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_cond_init(&fresh->changed, NULL);
    fresh->n_listeners_max = n_listeners_max;
    fresh->keep_alive_s = keep_alive_s;
    *made = fresh;
    return AM_OK;
}

void events_close(events *hub) {
    pthread_mutex_lock(&hub->lock);
    hub->closed = true;
    pthread_cond_broadcast(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
}

void events_free(events **old) {
    events *hub = *old;
    if (hub == NULL) return;
    pthread_cond_destroy(&hub->changed);
    pthread_mutex_destroy(&hub->lock);
    heap_free(hub);
    *old = NULL;
}

am_status events_listen(events *hub, const char *topic, listener **made, am_error *error) {
    listener *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "events");
    fresh->hub = hub;
    fresh->last_sent = clock_now();
    text_init(&fresh->queue, HISTORY_BYTES_MAX);
    text_add_string(&fresh->queue, "retry: 2000\n\n");
    if (topic != NULL) snprintf(fresh->topic, sizeof fresh->topic, "%s", topic);
    pthread_mutex_lock(&hub->lock);
    const bool room = hub->n_listeners < hub->n_listeners_max;
    if (room) {
        hub->n_listeners++;
        fresh->next = hub->first;
        hub->first = fresh;
    }
    pthread_mutex_unlock(&hub->lock);
    if (!room) {
        text_free(&fresh->queue);
        heap_free(fresh);
        return report_fail(error, AM_E_LIMIT, "too many clients listen to events");
    }
    *made = fresh;
    return AM_OK;
}

void events_leave(listener *l) {
    events *hub = l->hub;
    pthread_mutex_lock(&hub->lock);
    for (listener **at = &hub->first; *at != NULL; at = &(*at)->next) {
        if (*at != l) continue;
        *at = l->next;
        hub->n_listeners--;
        break;
    }
    pthread_mutex_unlock(&hub->lock);
    text_free(&l->queue);
    heap_free(l);
}

static void add(listener *l, const char *name, const char *data) {
    if (l->ending) return;
    text_print(&l->queue, "event: %s\ndata: ", name);
    text_add_string(&l->queue, data);
    text_add_string(&l->queue, "\n\n");
}

void events_publish(events *hub, const char *topic, const char *name, const char *data,
                    bool last) {
    pthread_mutex_lock(&hub->lock);
    for (listener *l = hub->first; l != NULL; l = l->next) {
        const bool alone = l->topic[0] != '\0';
        if (alone && strcmp(l->topic, topic) != 0) continue;
        add(l, name, data);
        const size_t kept = l->n_sent > l->n_history ? l->n_sent : l->n_history;
        if (l->queue.failed || l->queue.n - kept > QUEUE_BYTES_MAX) l->ending = true;
        if (last && alone) l->ending = true;
    }
    pthread_cond_broadcast(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
}

void events_tell(listener *l, const char *name, const char *data, bool last) {
    pthread_mutex_lock(&l->hub->lock);
    add(l, name, data);
    l->n_history = l->queue.n;
    l->ending = l->ending || last;
    pthread_cond_broadcast(&l->hub->changed);
    pthread_mutex_unlock(&l->hub->lock);
}

static size_t give(listener *l, char *bytes, size_t capacity) {
    size_t n = l->queue.n - l->n_sent;
    if (n > capacity) n = capacity;
    memcpy(bytes, l->queue.bytes + l->n_sent, n);
    l->n_sent += n;
    if (l->n_sent == l->queue.n) {
        l->queue.n = 0;
        l->n_sent = 0;
        l->n_history = 0;
    }
    l->last_sent = clock_now();
    return n;
}

size_t events_read(listener *l, char *bytes, size_t capacity, bool *over) {
    events *hub = l->hub;
    size_t n = 0;
    pthread_mutex_lock(&hub->lock);
    if (l->queue.n == l->n_sent && !l->ending && !hub->closed) {
        const struct timespec until = clock_after(LOOK_NANOSECONDS);
        pthread_cond_timedwait(&hub->changed, &hub->lock, &until);
    }
    if (l->queue.n > l->n_sent) {
        n = give(l, bytes, capacity);
    } else if (clock_now() - l->last_sent > hub->keep_alive_s && capacity >= 3) {
        memcpy(bytes, ":\n\n", 3);
        n = 3;
        l->last_sent = clock_now();
    }
    *over = n == 0 && (l->ending || hub->closed || l->queue.failed);
    pthread_mutex_unlock(&hub->lock);
    return n;
}
