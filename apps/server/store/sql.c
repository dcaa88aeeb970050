/* SQLite: see sql.h. */
#include "server/store/sql.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>

#include "common/heap.h"
#include "common/report.h"

#define N_STATEMENTS 64
#define LOCK_WAIT_MS 5000

struct sql {
    sqlite3 *db;
    struct {
        const char *text;
        sqlite3_stmt *compiled;
    } statements[N_STATEMENTS];
    size_t n_statements;
    int n_changes;
};

/* ---- Errors -------------------------------------------------------------------------------- */

static am_status fail(sql *db, am_error *error, const char *doing) {
    const int of_system = errno;
    const char *message = sqlite3_errmsg(db->db);
    const int code = sqlite3_errcode(db->db) & 0xff;
    /* A quota or a limit on files: SQLite itself knows a full disk alone. */
    if (code == SQLITE_IOERR && (of_system == EFBIG || of_system == EDQUOT)) {
        return report_fail_errno(error, of_system, "the job store");
    }
    switch (code) {
    case SQLITE_FULL:
        return report_fail(error, AM_E_NO_SPACE, "the job store: %s", message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return report_fail(error, AM_E_SYSTEM, "the job store is locked by another process");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return report_fail(error, AM_E_IO, "the job store is damaged: %s", message);
    case SQLITE_NOMEM:
        return report_fail(error, AM_E_MEMORY, "the job store");
    default:
        return report_fail(error, AM_E_IO, "the job store: %.60s: %s", doing, message);
    }
}

/* ---- Open and close ------------------------------------------------------------------------ */

static const char settings[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;" /* an accepted job outlives a power cut */
    "PRAGMA foreign_keys = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA secure_delete = ON;" /* what people said is gone when they remove it */
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA journal_size_limit = 67108864;";

am_status sql_open(const char *path, sql **made, am_error *error) {
    sql *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the job store");
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                      SQLITE_OPEN_NOFOLLOW;
    am_status status = AM_OK;
    if (sqlite3_open_v2(path, &fresh->db, flags, NULL) != SQLITE_OK) {
        status = fresh->db != NULL ? fail(fresh, error, "open")
                                   : report_fail(error, AM_E_MEMORY, "the job store");
    }
    if (status == AM_OK) {
        (void)sqlite3_busy_timeout(fresh->db, LOCK_WAIT_MS);
        status = sql_script(fresh, settings, error);
    }
    if (status != AM_OK) {
        sql_close(&fresh);
        return status;
    }
    *made = fresh;
    return AM_OK;
}

void sql_close(sql **old) {
    sql *db = *old;
    if (db == NULL) return;
    for (size_t i = 0; i < db->n_statements; i++) sqlite3_finalize(db->statements[i].compiled);
    (void)sqlite3_close(db->db);
    heap_free(db);
    *old = NULL;
}

/* ---- Statements ---------------------------------------------------------------------------- */

static am_status compiled(sql *db, const char *text, sqlite3_stmt **statement, am_error *error) {
    for (size_t i = 0; i < db->n_statements; i++) {
        if (db->statements[i].text != text) continue;
        *statement = db->statements[i].compiled;
        return AM_OK;
    }
    if (db->n_statements == N_STATEMENTS) {
        return report_fail(error, AM_E_INTERNAL, "more than %d statements", N_STATEMENTS);
    }
    if (sqlite3_prepare_v3(db->db, text, -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) !=
        SQLITE_OK) {
        return fail(db, error, text);
    }
    db->statements[db->n_statements].text = text;
    db->statements[db->n_statements++].compiled = *statement;
    return AM_OK;
}

static int bind_one(sqlite3_stmt *statement, int at, char type, va_list *args) {
    const char *text;
    const void *bytes;
    switch (type) {
    case 'i': return sqlite3_bind_int(statement, at, va_arg(*args, int));
    case 'l': return sqlite3_bind_int64(statement, at, va_arg(*args, int64_t));
    case 'd': return sqlite3_bind_double(statement, at, va_arg(*args, double));
    case 't':
        text = va_arg(*args, const char *);
        return text == NULL ? sqlite3_bind_null(statement, at)
                            : sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
    case 'b':
        bytes = va_arg(*args, const void *);
        return sqlite3_bind_blob64(statement, at, bytes, va_arg(*args, size_t), SQLITE_TRANSIENT);
    default: return SQLITE_MISUSE;
    }
}

static am_status bind_all(sql *db, sqlite3_stmt *statement, const char *types, va_list *args,
                          am_error *error) {
    for (int i = 0; types[i] != '\0'; i++) {
        if (bind_one(statement, i + 1, types[i], args) != SQLITE_OK) {
            (void)sqlite3_clear_bindings(statement);
            return fail(db, error, sqlite3_sql(statement));
        }
    }
    return AM_OK;
}

am_status sql_select(sql *db, am_error *error, sql_rows **rows, const char *statement,
                     const char *types, ...) {
    sqlite3_stmt *found = NULL;
    va_list args;
    REPORT_TRY(compiled(db, statement, &found, error));
    va_start(args, types);
    const am_status status = bind_all(db, found, types, &args, error);
    va_end(args);
    if (status == AM_OK) *rows = found;
    return status;
}

am_status sql_next(sql *db, sql_rows *rows, bool *more, am_error *error) {
    errno = 0;
    const int code = sqlite3_step(rows);
    *more = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? AM_OK : fail(db, error, sqlite3_sql(rows));
}

void sql_end(sql_rows *rows) {
    (void)sqlite3_reset(rows);
    (void)sqlite3_clear_bindings(rows);
}

am_status sql_run(sql *db, am_error *error, const char *statement, const char *types, ...) {
    sqlite3_stmt *found = NULL;
    va_list args;
    REPORT_TRY(compiled(db, statement, &found, error));
    va_start(args, types);
    am_status status = bind_all(db, found, types, &args, error);
    va_end(args);
    for (bool more = true; status == AM_OK && more;) status = sql_next(db, found, &more, error);
    if (status == AM_OK) db->n_changes = sqlite3_changes(db->db);
    sql_end(found);
    return status;
}

int sql_changes(sql *db) {
    return db->n_changes;
}

am_status sql_script(sql *db, const char *statements, am_error *error) {
    if (sqlite3_exec(db->db, statements, NULL, NULL, NULL) == SQLITE_OK) return AM_OK;
    return fail(db, error, statements);
}

am_status sql_begin(sql *db, am_error *error) {
    return sql_run(db, error, "BEGIN IMMEDIATE", "");
}

am_status sql_end_transaction(sql *db, am_status so_far, am_error *error) {
    if (so_far == AM_OK) so_far = sql_run(db, error, "COMMIT", "");
    /* Some failures have taken everything back already; of this one nothing else can be said. */
    if (so_far != AM_OK && sqlite3_get_autocommit(db->db) == 0) {
        (void)sqlite3_exec(db->db, "ROLLBACK", NULL, NULL, NULL);
    }
    return so_far;
}

/* ---- Rows ---------------------------------------------------------------------------------- */

int sql_int(sql_rows *rows, int column) {
    return sqlite3_column_int(rows, column);
}

int64_t sql_long(sql_rows *rows, int column) {
    return sqlite3_column_int64(rows, column);
}

double sql_real(sql_rows *rows, int column, double null) {
    if (sqlite3_column_type(rows, column) == SQLITE_NULL) return null;
    return sqlite3_column_double(rows, column);
}

const char *sql_text(sql_rows *rows, int column) {
    const unsigned char *text = sqlite3_column_text(rows, column);
    return (const char *)text;
}

const void *sql_blob(sql_rows *rows, int column, size_t *n) {
    const void *bytes = sqlite3_column_blob(rows, column);
    *n = (size_t)sqlite3_column_bytes(rows, column);
    return bytes;
}
