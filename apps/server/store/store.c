/* Schema, and jobs with their results: see store.h. */
#include "server/store/store_own.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/report.h"

/* Each element leads from the version of its index to the next; published ones never change. */
static const char *const migrations[] = {
    "CREATE TABLE jobs (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
    "  status INTEGER NOT NULL, run INTEGER NOT NULL DEFAULT 0,"
    "  n_interrupted INTEGER NOT NULL DEFAULT 0, name TEXT NOT NULL, model TEXT NOT NULL,"
    "  language TEXT, task TEXT NOT NULL, fields TEXT NOT NULL, webhook TEXT, error TEXT,"
    "  n_bytes INTEGER NOT NULL, created REAL NOT NULL, started REAL, finished REAL,"
    "  duration REAL) STRICT;"
    "CREATE INDEX jobs_by_status ON jobs (status, number);"
    "CREATE TABLE results (job INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,"
    "  original TEXT NOT NULL, edited TEXT) STRICT;"
    "CREATE VIRTUAL TABLE transcripts USING fts5 (name, body,"
    "  tokenize = 'unicode61 remove_diacritics 2');"
    "CREATE TABLE peaks (job INTEGER PRIMARY KEY REFERENCES jobs ON DELETE CASCADE,"
    "  bytes BLOB NOT NULL, duration REAL NOT NULL) STRICT;"
    "CREATE TABLE deliveries (number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL,"
    "  url TEXT NOT NULL, body TEXT NOT NULL, due REAL NOT NULL,"
    "  n_tries INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE INDEX deliveries_by_due ON deliveries (due);"
    "CREATE TABLE watched (path TEXT PRIMARY KEY, modified_ns INTEGER NOT NULL,"
    "  n_bytes INTEGER NOT NULL) STRICT;"
    "CREATE TABLE api_keys (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    "  digest TEXT NOT NULL UNIQUE, created REAL NOT NULL, used REAL) STRICT;",
};
#define N_MIGRATIONS ((int)(sizeof migrations / sizeof migrations[0]))

static am_status get_version(store *s, int *version, am_error *error) {
    sql_rows *rows = NULL;
    bool more = false;
    REPORT_TRY(sql_select(s->db, error, &rows, "PRAGMA user_version", ""));
    const am_status status = sql_next(s->db, rows, &more, error);
    if (status == AM_OK) *version = more ? sql_int(rows, 0) : 0;
    sql_end(rows);
    return status;
}

static am_status migrate(store *s, am_error *error) {
    int version = 0;
    REPORT_TRY(get_version(s, &version, error));
    if (version > N_MIGRATIONS) {
        return report_fail(error, AM_E_UNSUPPORTED,
                           "the job store was written by a newer version (%d)", version);
    }
    if (version == N_MIGRATIONS) return AM_OK;
    REPORT_TRY(sql_begin(s->db, error));
    /* Another process may have been faster. */
    am_status status = get_version(s, &version, error);
    for (; status == AM_OK && version < N_MIGRATIONS; version++) {
        char pragma[64];
        snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", version + 1);
        status = sql_script(s->db, migrations[version], error);
        if (status == AM_OK) status = sql_script(s->db, pragma, error);
    }
    return sql_end_transaction(s->db, status, error);
}

am_status store_open(const char *path, store **made, am_error *error) {
    store *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the job store");
    pthread_mutex_init(&fresh->lock, NULL);
    am_status status = sql_open(path, &fresh->db, error);
    if (status == AM_OK) status = migrate(fresh, error);
    if (status != AM_OK) {
        store_close(&fresh);
        return status;
    }
    *made = fresh;
    return AM_OK;
}

void store_close(store **old) {
    store *s = *old;
    if (s == NULL) return;
    sql_close(&s->db);
    pthread_mutex_destroy(&s->lock);
    heap_free(s);
    *old = NULL;
}

am_status store_begin(store *s, am_error *error) {
    pthread_mutex_lock(&s->lock);
    const am_status status = sql_begin(s->db, error);
    if (status != AM_OK) pthread_mutex_unlock(&s->lock);
    return status;
}

am_status store_end(store *s, am_status so_far, am_error *error) {
    const am_status status = sql_end_transaction(s->db, so_far, error);
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* ---- Jobs as rows -------------------------------------------------------------------------- */

static const char *const status_names[] = {"queued", "running", "done", "failed", "cancelled"};

const char *job_status_name(job_status status) {
    return status_names[status];
}

bool job_status_by_name(const char *name, job_status *status) {
    for (size_t i = 0; i < sizeof status_names / sizeof status_names[0]; i++) {
        if (strcmp(status_names[i], name) != 0) continue;
        *status = (job_status)i;
        return true;
    }
    return false;
}

bool job_is_over(job_status status) {
    return status >= JOB_DONE;
}

void job_clear(job *j) {
    char *const strings[] = {j->name, j->model, j->language, j->task, j->fields, j->webhook,
                             j->error, j->snippet};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) heap_free(strings[i]);
    *j = (job){0};
}

void jobs_free(job *list, size_t n) {
    for (size_t i = 0; list != NULL && i < n; i++) job_clear(&list[i]);
    heap_free(list);
}

/* What read_job reads, in its order. */
#define JOB_COLUMNS                                                                                \
    "jobs.number, id, status, run, n_interrupted, jobs.name, model, language, task, fields, "      \
    "webhook, error, n_bytes, created, started, finished, duration, "                              \
    "EXISTS (SELECT 1 FROM results WHERE job = jobs.number AND edited IS NOT NULL), "              \
    "CASE WHEN status = 0 THEN (SELECT count(*) FROM jobs AS before WHERE before.status = 0 "      \
    "AND before.number <= jobs.number) ELSE 0 END"
#define N_JOB_COLUMNS 19

static am_status read_job(sql_rows *rows, job *j, am_error *error) {
    *j = (job){.number = sql_long(rows, 0), .status = (job_status)sql_int(rows, 2),
               .run = sql_int(rows, 3), .n_interrupted = sql_int(rows, 4),
               .n_bytes = (uint64_t)sql_long(rows, 12), .created = sql_real(rows, 13, NAN),
               .started = sql_real(rows, 14, NAN), .finished = sql_real(rows, 15, NAN),
               .duration = sql_real(rows, 16, NAN), .edited = sql_int(rows, 17) != 0,
               .position = sql_int(rows, 18)};
    char **const strings[] = {&j->name, &j->model, &j->language, &j->task, &j->fields, &j->webhook,
                              &j->error};
    bool whole = true;
    snprintf(j->id, sizeof j->id, "%s", sql_text(rows, 1));
    for (int i = 0; i < 7; i++) {
        const char *text = sql_text(rows, 5 + i);
        *strings[i] = heap_string(text);
        whole = whole && (text == NULL || *strings[i] != NULL);
    }
    if (whole) return AM_OK;
    job_clear(j);
    return report_fail(error, AM_E_MEMORY, "a job");
}

static am_status find(store *s, const char *id, job *found, am_error *error) {
    sql_rows *rows = NULL;
    bool more = false;
    REPORT_TRY(sql_select(s->db, error, &rows, "SELECT " JOB_COLUMNS " FROM jobs WHERE id = ?",
                          "t", id));
    am_status status = sql_next(s->db, rows, &more, error);
    if (status == AM_OK && !more) status = report_fail(error, AM_E_NOT_FOUND, "no such job");
    if (status == AM_OK) status = read_job(rows, found, error);
    sql_end(rows);
    return status;
}

am_status store_find_job(store *s, const char *id, job *found, am_error *error) {
    pthread_mutex_lock(&s->lock);
    const am_status status = find(s, id, found, error);
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* ---- Coming and going ---------------------------------------------------------------------- */

static am_status last_number(store *s, int64_t *number, am_error *error) {
    sql_rows *rows = NULL;
    bool more = false;
    REPORT_TRY(sql_select(s->db, error, &rows, "SELECT last_insert_rowid()", ""));
    const am_status status = sql_next(s->db, rows, &more, error);
    if (status == AM_OK) *number = sql_long(rows, 0);
    sql_end(rows);
    return status;
}

static am_status add_job(store *s, job *j, am_error *error) {
    REPORT_TRY(sql_run(s->db, error,
                       "INSERT INTO jobs (id, status, name, model, language, task, fields, "
                       "webhook, n_bytes, created, duration) VALUES (?,0,?,?,?,?,?,?,?,?,?)",
                       "tttttttldd", j->id, j->name, j->model, j->language, j->task, j->fields,
                       j->webhook, (int64_t)j->n_bytes, j->created, j->duration));
    REPORT_TRY(last_number(s, &j->number, error));
    return sql_run(s->db, error, "INSERT INTO transcripts (rowid, name, body) VALUES (?, ?, '')",
                   "lt", j->number, j->name);
}

am_status store_add_jobs(store *s, job *list, size_t n, const watched_file *from,
                         am_error *error) {
    REPORT_TRY(store_begin(s, error));
    am_status status = AM_OK;
    for (size_t i = 0; i < n && status == AM_OK; i++) status = add_job(s, &list[i], error);
    if (status == AM_OK && from != NULL) {
        status = sql_run(s->db, error,
                         "INSERT OR REPLACE INTO watched (path, modified_ns, n_bytes) "
                         "VALUES (?, ?, ?)", "tll", from->path, from->modified_ns,
                         (int64_t)from->n_bytes);
    }
    return store_end(s, status, error);
}

am_status store_has_watched(store *s, const watched_file *file, bool *has, am_error *error) {
    sql_rows *rows = NULL;
    pthread_mutex_lock(&s->lock);
    am_status status = sql_select(s->db, error, &rows,
                                  "SELECT 1 FROM watched WHERE path = ? AND modified_ns = ? AND "
                                  "n_bytes = ?", "tll", file->path, file->modified_ns,
                                  (int64_t)file->n_bytes);
    if (status == AM_OK) {
        status = sql_next(s->db, rows, has, error);
        sql_end(rows);
    }
    pthread_mutex_unlock(&s->lock);
    return status;
}

static am_status take(store *s, double now, job *next, bool *found, am_error *error) {
    sql_rows *rows = NULL;
    char id[STORE_ID_BYTES] = "";
    REPORT_TRY(sql_select(s->db, error, &rows,
                          "SELECT id FROM jobs WHERE status = 0 ORDER BY number LIMIT 1", ""));
    am_status status = sql_next(s->db, rows, found, error);
    if (status == AM_OK && *found) snprintf(id, sizeof id, "%s", sql_text(rows, 0));
    sql_end(rows);
    if (status != AM_OK || !*found) return status;
    REPORT_TRY(sql_run(s->db, error,
                       "UPDATE jobs SET status = 1, run = run + 1, started = ?, finished = NULL, "
                       "error = NULL WHERE id = ?", "dt", now, id));
    return find(s, id, next, error);
}

am_status store_take_job(store *s, double now, job *next, bool *found, am_error *error) {
    *found = false;
    REPORT_TRY(store_begin(s, error));
    am_status status = store_end(s, take(s, now, next, found, error), error);
    if (status != AM_OK) job_clear(next);
    return status;
}

am_status store_release_job(store *s, const job *j, am_error *error) {
    pthread_mutex_lock(&s->lock);
    const am_status status =
        sql_run(s->db, error, "UPDATE jobs SET status = 0, started = NULL WHERE number = ? AND "
                "run = ? AND status = 1", "li", j->number, j->run);
    pthread_mutex_unlock(&s->lock);
    return status;
}

am_status store_release_all(store *s, int *n, am_error *error) {
    pthread_mutex_lock(&s->lock);
    const am_status status =
        sql_run(s->db, error, "UPDATE jobs SET status = 0, started = NULL, "
                "n_interrupted = n_interrupted + 1 WHERE status = 1", "");
    if (status == AM_OK) *n = sql_changes(s->db);
    pthread_mutex_unlock(&s->lock);
    return status;
}

static am_status add_delivery(store *s, const job *j, const char *body, am_error *error) {
    if (j->webhook == NULL || body == NULL) return AM_OK;
    return sql_run(s->db, error,
                   "INSERT INTO deliveries (job, url, body, due) VALUES (?, ?, ?, 0)", "ttt",
                   j->id, j->webhook, body);
}

static am_status finish(store *s, const job *j, const char *result, const char *text,
                        bool *stored, am_error *error) {
    REPORT_TRY(sql_run(s->db, error,
                       "UPDATE jobs SET status = ?, finished = ?, error = ?, model = ?, "
                       "language = ?, duration = ? WHERE number = ? AND run = ? AND status = 1",
                       "idtttdli", (int)j->status, j->finished, j->error, j->model, j->language,
                       j->duration, j->number, j->run));
    *stored = sql_changes(s->db) == 1;
    if (!*stored || result == NULL) return AM_OK;
    REPORT_TRY(sql_run(s->db, error, "INSERT OR REPLACE INTO results (job, original) VALUES (?, ?)",
                       "lt", j->number, result));
    return sql_run(s->db, error, "UPDATE transcripts SET body = ? WHERE rowid = ?", "tl", text,
                   j->number);
}

am_status store_finish_job(store *s, const job *j, const char *result, const char *text,
                           const char *webhook_body, bool *stored, am_error *error) {
    *stored = false;
    REPORT_TRY(store_begin(s, error));
    am_status status = finish(s, j, result, text, stored, error);
    if (status == AM_OK && *stored) status = add_delivery(s, j, webhook_body, error);
    return store_end(s, status, error);
}

am_status store_cancel_job(store *s, const job *j, double now, const char *webhook_body,
                           bool *changed, am_error *error) {
    *changed = false;
    REPORT_TRY(store_begin(s, error));
    am_status status = sql_run(s->db, error,
                               "UPDATE jobs SET status = 4, finished = ? WHERE number = ? AND "
                               "status < 2", "dl", now, j->number);
    *changed = status == AM_OK && sql_changes(s->db) == 1;
    if (*changed) status = add_delivery(s, j, webhook_body, error);
    return store_end(s, status, error);
}

am_status store_retry_job(store *s, const char *id, bool *changed, am_error *error) {
    pthread_mutex_lock(&s->lock);
    const am_status status =
        sql_run(s->db, error, "UPDATE jobs SET status = 0, started = NULL, finished = NULL, "
                "error = NULL, n_interrupted = 0 WHERE id = ? AND status > 2", "t", id);
    *changed = status == AM_OK && sql_changes(s->db) == 1;
    pthread_mutex_unlock(&s->lock);
    return status;
}

static am_status remove_rows(store *s, const char *id, bool *changed, am_error *error) {
    REPORT_TRY(sql_run(s->db, error, "DELETE FROM transcripts WHERE rowid = (SELECT number FROM "
                       "jobs WHERE id = ? AND status >= 2)", "t", id));
    REPORT_TRY(sql_run(s->db, error, "DELETE FROM jobs WHERE id = ? AND status >= 2", "t", id));
    *changed = sql_changes(s->db) == 1;
    return AM_OK;
}

am_status store_remove_job(store *s, const char *id, bool *changed, am_error *error) {
    *changed = false;
    REPORT_TRY(store_begin(s, error));
    return store_end(s, remove_rows(s, id, changed, error), error);
}

am_status store_expired_jobs(store *s, double before, char (*ids)[STORE_ID_BYTES], size_t capacity,
                             size_t *n, am_error *error) {
    sql_rows *rows = NULL;
    bool more = true;
    *n = 0;
    pthread_mutex_lock(&s->lock);
    am_status status = sql_select(s->db, error, &rows,
                                  "SELECT id FROM jobs WHERE status >= 2 AND finished < ? "
                                  "ORDER BY number LIMIT ?", "di", before, (int)capacity);
    while (status == AM_OK && more && *n < capacity) {
        status = sql_next(s->db, rows, &more, error);
        if (status == AM_OK && more) snprintf(ids[(*n)++], STORE_ID_BYTES, "%s", sql_text(rows, 0));
    }
    if (rows != NULL) sql_end(rows);
    pthread_mutex_unlock(&s->lock);
    return status;
}

/* ---- Lists --------------------------------------------------------------------------------- */

/*
 * What people type, as an FTS5 expression that cannot be wrong: every word a quoted string, all to
 * be found, the last one also as the beginning of a word. NULL without memory.
 */
static char *match_of(const char *words) {
    const size_t n = strlen(words);
    char *match = heap_new(4 * n + 4); /* a quote is doubled, a word gets two quotes and a space */
    char *to = match;
    bool inside = false;
    for (size_t i = 0; match != NULL && i <= n; i++) {
        const bool space = words[i] == '\0' || strchr(" \t\r\n", words[i]) != NULL;
        if (space && inside) *to++ = '"';
        if (space && inside && words[i] != '\0') *to++ = ' ';
        if (!space && !inside) *to++ = '"';
        if (!space && words[i] == '"') *to++ = '"';
        if (!space) *to++ = words[i];
        inside = !space;
    }
    if (match != NULL && to > match && to[-1] == '"') *to++ = '*';
    return match;
}

static am_status grow_list(job **list, size_t n, am_error *error) {
    job *grown = heap_resize(*list, (n + 1) * sizeof **list);
    if (grown == NULL) return report_fail(error, AM_E_MEMORY, "a list of jobs");
    grown[n] = (job){0};
    *list = grown;
    return AM_OK;
}

static am_status read_jobs(store *s, sql_rows *rows, bool snippets, job **list, size_t *n,
                           am_error *error) {
    for (bool more = true; more;) {
        REPORT_TRY(sql_next(s->db, rows, &more, error));
        if (!more) break;
        REPORT_TRY(grow_list(list, *n, error));
        REPORT_TRY(read_job(rows, &(*list)[*n], error));
        if (snippets) (*list)[*n].snippet = heap_string(sql_text(rows, N_JOB_COLUMNS));
        (*n)++;
    }
    return AM_OK;
}

static am_status count(store *s, const job_query *query, const char *match, size_t *n_total,
                       am_error *error) {
    sql_rows *rows = NULL;
    bool more = false;
    if (match != NULL) {
        REPORT_TRY(sql_select(s->db, error, &rows,
                              "SELECT count(*) FROM transcripts JOIN jobs ON number = "
                              "transcripts.rowid WHERE transcripts MATCH ?1 AND (?2 < 0 OR "
                              "status = ?2)", "ti", match, query->status));
    } else {
        REPORT_TRY(sql_select(s->db, error, &rows,
                              "SELECT count(*) FROM jobs WHERE ?1 < 0 OR status = ?1", "i",
                              query->status));
    }
    const am_status status = sql_next(s->db, rows, &more, error);
    if (status == AM_OK) *n_total = (size_t)sql_long(rows, 0);
    sql_end(rows);
    return status;
}

static am_status select_list(store *s, const job_query *query, const char *match, sql_rows **rows,
                             am_error *error) {
    if (match != NULL) {
        return sql_select(s->db, error, rows,
                          "SELECT " JOB_COLUMNS ", snippet(transcripts, -1, '«', '»', '…', 16) "
                          "FROM transcripts JOIN jobs ON jobs.number = transcripts.rowid WHERE "
                          "transcripts MATCH ?1 AND (?2 < 0 OR status = ?2) "
                          "ORDER BY jobs.number DESC LIMIT ?3 OFFSET ?4", "tiii", match,
                          query->status, query->limit, query->offset);
    }
    return sql_select(s->db, error, rows,
                      "SELECT " JOB_COLUMNS " FROM jobs WHERE ?1 < 0 OR status = ?1 "
                      "ORDER BY number DESC LIMIT ?2 OFFSET ?3", "iii", query->status,
                      query->limit, query->offset);
}

am_status store_list_jobs(store *s, const job_query *query, job **list, size_t *n,
                          size_t *n_total, am_error *error) {
    const bool searches = query->words != NULL && query->words[strspn(query->words, " \t\r\n")];
    char *match = searches ? match_of(query->words) : NULL;
    sql_rows *rows = NULL;
    *list = NULL;
    *n = 0;
    if (searches && match == NULL) return report_fail(error, AM_E_MEMORY, "a search");
    pthread_mutex_lock(&s->lock);
    am_status status = count(s, query, match, n_total, error);
    if (status == AM_OK) status = select_list(s, query, match, &rows, error);
    if (status == AM_OK) status = read_jobs(s, rows, match != NULL, list, n, error);
    if (rows != NULL) sql_end(rows);
    pthread_mutex_unlock(&s->lock);
    heap_free(match);
    if (status != AM_OK) {
        jobs_free(*list, *n);
        *list = NULL;
    }
    return status;
}

am_status store_count_jobs(store *s, store_counts *counts, am_error *error) {
    sql_rows *rows = NULL;
    *counts = (store_counts){0};
    int64_t *const by_status[] = {&counts->n_queued, &counts->n_running, &counts->n_done,
                                  &counts->n_failed, &counts->n_cancelled};
    pthread_mutex_lock(&s->lock);
    am_status status = sql_select(s->db, error, &rows,
                                  "SELECT status, count(*), sum(duration) FROM jobs "
                                  "GROUP BY status", "");
    for (bool more = true; status == AM_OK && more;) {
        status = sql_next(s->db, rows, &more, error);
        if (status != AM_OK || !more) break;
        const int which = sql_int(rows, 0);
        if (which >= 0 && which < 5) *by_status[which] = sql_long(rows, 1);
        if (which == JOB_QUEUED) counts->queued_s = sql_real(rows, 2, 0);
    }
    if (rows != NULL) sql_end(rows);
    pthread_mutex_unlock(&s->lock);
    return status;
}
