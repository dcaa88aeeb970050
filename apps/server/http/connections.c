/* Open connections and their reaper: see connections.h. */
#include "server/http/connections.h"

#include <pthread.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/base/socket.h"
#include "server/base/wall_clock.h"

#define REAPER_NANOSECONDS 500000000L

typedef struct entry {
    const void *key;
    int fd;
    double since; /* of the connection, or of the end of its last request */
    bool in_request;
    struct entry *next;
} entry;

struct connections {
    double wait_s;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    entry *first;
    int n_open;
    pthread_t reaper;
    bool stop;
};

static void *reap(void *context) {
    connections *list = context;
    pthread_mutex_lock(&list->lock);
    while (!list->stop) {
        struct timespec until = clock_after(REAPER_NANOSECONDS);
        pthread_cond_timedwait(&list->changed, &list->lock, &until);
        const double now = clock_now();
        for (const entry *at = list->first; at != NULL; at = at->next) {
            if (!at->in_request && now - at->since >= list->wait_s) socket_shut(at->fd);
        }
    }
    pthread_mutex_unlock(&list->lock);
    return NULL;
}

am_status connections_new(double wait_s, connections **list, am_error *error) {
    connections *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the connections");
    fresh->wait_s = wait_s;
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_cond_init(&fresh->changed, NULL);
    if (pthread_create(&fresh->reaper, NULL, reap, fresh) == 0) {
        *list = fresh;
        return AM_OK;
    }
    pthread_cond_destroy(&fresh->changed);
    pthread_mutex_destroy(&fresh->lock);
    heap_free(fresh);
    return report_fail(error, AM_E_SYSTEM, "no thread");
}

void connections_free(connections **list) {
    connections *old = *list;
    if (old == NULL) return;
    pthread_mutex_lock(&old->lock);
    old->stop = true;
    pthread_cond_signal(&old->changed);
    pthread_mutex_unlock(&old->lock);
    pthread_join(old->reaper, NULL);
    pthread_cond_destroy(&old->changed);
    pthread_mutex_destroy(&old->lock);
    heap_free(old);
    *list = NULL;
}

void connections_add(connections *list, const void *key, int fd) {
    entry *fresh = heap_new(sizeof *fresh);
    pthread_mutex_lock(&list->lock);
    list->n_open++;
    if (fresh != NULL) {
        *fresh = (entry){key, fd, clock_now(), false, list->first};
        list->first = fresh;
    }
    pthread_mutex_unlock(&list->lock);
}

void connections_remove(connections *list, const void *key) {
    entry *found = NULL;
    pthread_mutex_lock(&list->lock);
    list->n_open--;
    for (entry **at = &list->first; *at != NULL; at = &(*at)->next) {
        if ((*at)->key != key) continue;
        found = *at;
        *at = found->next;
        break;
    }
    pthread_mutex_unlock(&list->lock);
    heap_free(found);
}

void connections_mark(connections *list, const void *key, bool in_request) {
    pthread_mutex_lock(&list->lock);
    for (entry *at = list->first; at != NULL; at = at->next) {
        if (at->key != key) continue;
        at->in_request = in_request;
        at->since = clock_now();
        break;
    }
    pthread_mutex_unlock(&list->lock);
}

int connections_count(connections *list) {
    pthread_mutex_lock(&list->lock);
    const int n = list->n_open;
    pthread_mutex_unlock(&list->lock);
    return n;
}

int connections_busy(connections *list) {
    int n = 0;
    pthread_mutex_lock(&list->lock);
    for (const entry *at = list->first; at != NULL; at = at->next) n += at->in_request;
    pthread_mutex_unlock(&list->lock);
    return n;
}
