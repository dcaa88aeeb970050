/* Results, peaks, deliveries and keys of the store: see store.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/report.h"
#include "server/store/store_own.h"

/* ---- Results ------------------------------------------------------------------------------- */

am_status store_get_result(store *s, const char *id, bool original, char **result,
                           am_error *error) {
    sql_rows *rows = NULL;
    bool more = false;
    pthread_mutex_lock(&s->lock);
    am_status status = sql_select(s->db, error, &rows,
                                  "SELECT CASE WHEN ?1 THEN original ELSE coalesce(edited, "
                                  "original) END FROM results JOIN jobs ON number = job WHERE "
                                  "id = ?2", "it", (int)original, id);
    if (status == AM_OK) status = sql_next(s->db, rows, &more, error);
    if (status == AM_OK && !more) status = report_fail(error, AM_E_NOT_FOUND, "no result");
    if (status == AM_OK) {
        char *copy = heap_string(sql_text(rows, 0));
        if (copy != NULL) *result = copy;
        else status = report_fail(error, AM_E_MEMORY, "a result");
    }
    if (rows != NULL) sql_end(rows);
    pthread_mutex_unlock(&s->lock);
    return status;
}

am_status store_edit_result(store *s, const char *id, const char *edited, const char *text,
                            am_error *error) {
    REPORT_TRY(store_begin(s, error));
    am_status status = sql_run(s->db, error,
                               "UPDATE results SET edited = ? WHERE job = (SELECT number FROM "
                               "jobs WHERE id = ? AND status = 2)", "tt", edited, id);
    if (status == AM_OK && sql_changes(s->db) == 0) {
        status = report_fail(error, AM_E_NOT_FOUND, "no result");
    }
    if (status == AM_OK) {
        status = sql_run(s->db, error,
                         "UPDATE transcripts SET body = ? WHERE rowid = (SELECT number FROM jobs "
                         "WHERE id = ?)", "tt", text, id);
    }
    return store_end(s, status, error);
}

am_status store_get_peaks(store *s, const char *id, unsigned char **peaks, size_t *n,
                          double *duration, am_error *error) {
    sql_rows *rows = NULL;
    bool more = false;
    *n = 0;
    *peaks = NULL;
    pthread_mutex_lock(&s->lock);
    am_status status = sql_select(s->db, error, &rows,
                                  "SELECT bytes, peaks.duration FROM peaks JOIN jobs ON number = "
                                  "job WHERE id = ?", "t", id);
    if (status == AM_OK) status = sql_next(s->db, rows, &more, error);
    if (status == AM_OK && more) {
        size_t n_bytes = 0;
        const void *bytes = sql_blob(rows, 0, &n_bytes);
        *duration = sql_real(rows, 1, 0);
        *peaks = heap_new(n_bytes + 1);
        if (*peaks == NULL) status = report_fail(error, AM_E_MEMORY, "peaks");
        if (status == AM_OK && n_bytes > 0) memcpy(*peaks, bytes, n_bytes);
        if (status == AM_OK) *n = n_bytes;
    }
    if (rows != NULL) sql_end(rows);
    pthread_mutex_unlock(&s->lock);
    return status;
}

am_status store_set_peaks(store *s, const char *id, const unsigned char *peaks, size_t n,
                          double duration, am_error *error) {
    pthread_mutex_lock(&s->lock);
    const am_status status =
        sql_run(s->db, error, "INSERT OR REPLACE INTO peaks (job, bytes, duration) "
                "SELECT number, ?, ? FROM jobs WHERE id = ?", "bdt", (const void *)peaks, n,
                duration, id);
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* ---- Deliveries ---------------------------------------------------------------------------- */

void delivery_clear(delivery *d) {
    heap_free(d->job);
    heap_free(d->url);
    heap_free(d->body);
    *d = (delivery){0};
}

static am_status read_delivery(sql_rows *rows, delivery *d, am_error *error) {
    *d = (delivery){sql_long(rows, 0), sql_int(rows, 2) + 1, heap_string(sql_text(rows, 3)),
                    heap_string(sql_text(rows, 4)), heap_string(sql_text(rows, 5))};
    if (d->job != NULL && d->url != NULL && d->body != NULL) return AM_OK;
    delivery_clear(d);
    return report_fail(error, AM_E_MEMORY, "a delivery");
}

static am_status first_delivery(store *s, double now, delivery *due, bool *found, double *next_s,
                                am_error *error) {
    sql_rows *rows = NULL;
    bool more = false;
    REPORT_TRY(sql_select(s->db, error, &rows,
                          "SELECT number, due, n_tries, job, url, body FROM deliveries "
                          "ORDER BY due, number LIMIT 1", ""));
    am_status status = sql_next(s->db, rows, &more, error);
    if (status == AM_OK && more) {
        *next_s = sql_real(rows, 1, 0) - now;
        *found = *next_s <= 0;
        if (*found) status = read_delivery(rows, due, error);
    }
    sql_end(rows);
    return status;
}

am_status store_take_delivery(store *s, double now, double lease_s, delivery *due, bool *found,
                              double *next_s, am_error *error) {
    *found = false;
    *next_s = -1;
    pthread_mutex_lock(&s->lock);
    am_status status = first_delivery(s, now, due, found, next_s, error);
    if (status == AM_OK && *found) {
        status = sql_run(s->db, error, "UPDATE deliveries SET due = ?, n_tries = n_tries + 1 "
                         "WHERE number = ?", "dl", now + lease_s, due->number);
    }
    pthread_mutex_unlock(&s->lock);
    if (status != AM_OK) {
        delivery_clear(due);
        *found = false;
    }
    return status;
}

am_status store_put_off_delivery(store *s, int64_t number, double until, am_error *error) {
    pthread_mutex_lock(&s->lock);
    const am_status status =
        sql_run(s->db, error, "UPDATE deliveries SET due = ? WHERE number = ?", "dl", until,
                number);
    pthread_mutex_unlock(&s->lock);
    return status;
}

am_status store_drop_delivery(store *s, int64_t number, am_error *error) {
    pthread_mutex_lock(&s->lock);
    const am_status status =
        sql_run(s->db, error, "DELETE FROM deliveries WHERE number = ?", "l", number);
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* ---- Keys ---------------------------------------------------------------------------------- */

static void read_key(sql_rows *rows, api_key *key) {
    *key = (api_key){.created = sql_real(rows, 3, 0), .used = sql_real(rows, 4, NAN)};
    snprintf(key->id, sizeof key->id, "%s", sql_text(rows, 0));
    snprintf(key->name, sizeof key->name, "%s", sql_text(rows, 1));
    snprintf(key->digest, sizeof key->digest, "%s", sql_text(rows, 2));
}

am_status store_add_key(store *s, const api_key *key, am_error *error) {
    pthread_mutex_lock(&s->lock);
    am_status status =
        sql_run(s->db, error, "INSERT OR IGNORE INTO api_keys (id, name, digest, created) VALUES "
                "(?, ?, ?, ?)", "tttd", key->id, key->name, key->digest, key->created);
    if (status == AM_OK && sql_changes(s->db) == 0) {
        status = report_fail(error, AM_E_ARG, "there is a key of that name already");
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* The time of use is written once a minute at most: requests should not wait for the disk. */
#define USE_AGAIN_S 60.0

am_status store_use_key(store *s, const char *digest, double now, api_key *found,
                        am_error *error) {
    sql_rows *rows = NULL;
    bool more = false;
    pthread_mutex_lock(&s->lock);
    am_status status = sql_select(s->db, error, &rows,
                                  "SELECT id, name, digest, created, used FROM api_keys WHERE "
                                  "digest = ?", "t", digest);
    if (status == AM_OK) status = sql_next(s->db, rows, &more, error);
    if (status == AM_OK && !more) status = report_fail(error, AM_E_NOT_FOUND, "no such key");
    if (status == AM_OK) read_key(rows, found);
    if (rows != NULL) sql_end(rows);
    if (status == AM_OK && !(now - found->used < USE_AGAIN_S)) {
        /* A disk that is full must not lock people out. */
        am_error ignored;
        if (sql_run(s->db, &ignored, "UPDATE api_keys SET used = ? WHERE digest = ?", "dt", now,
                    digest) == AM_OK) {
            found->used = now;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

am_status store_list_keys(store *s, api_key **keys, size_t *n, am_error *error) {
    sql_rows *rows = NULL;
    api_key *list = NULL;
    *n = 0;
    pthread_mutex_lock(&s->lock);
    am_status status = sql_select(s->db, error, &rows,
                                  "SELECT id, name, digest, created, used FROM api_keys "
                                  "ORDER BY created", "");
    for (bool more = true; status == AM_OK && more;) {
        status = sql_next(s->db, rows, &more, error);
        if (status != AM_OK || !more) break;
        api_key *grown = heap_resize(list, (*n + 1) * sizeof *list);
        if (grown == NULL) {
            status = report_fail(error, AM_E_MEMORY, "a list of keys");
            break;
        }
        list = grown;
        read_key(rows, &list[(*n)++]);
    }
    if (rows != NULL) sql_end(rows);
    pthread_mutex_unlock(&s->lock);
    if (status == AM_OK) *keys = list;
    else heap_free(list);
    return status;
}

am_status store_remove_key(store *s, const char *id_or_name, am_error *error) {
    pthread_mutex_lock(&s->lock);
    am_status status = sql_run(s->db, error, "DELETE FROM api_keys WHERE id = ?1 OR name = ?1",
                               "t", id_or_name);
    if (status == AM_OK && sql_changes(s->db) == 0) {
        status = report_fail(error, AM_E_NOT_FOUND, "no such key");
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}
