/*
 * SQLite as the store speaks to it: statements with their values in, rows out. The only place that
 * knows the library. One thread at a time; statements are compiled once and kept.
 */
#ifndef AM_SERVER_STORE_SQL_H
#define AM_SERVER_STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amanuensis.h"

typedef struct sql sql;
typedef struct sqlite3_stmt sql_rows; /* a statement that is being stepped */

/* Opens or makes the file, for write-ahead logging and for commits that last. */
AM_CHECK_RESULT am_status sql_open(const char *path, sql **made, am_error *error);
void sql_close(sql **old);

/*
 * A statement (a string literal: its address is its name) with its values, a letter for each:
 * i int, l int64_t, d double, t const char * (NULL is null), b const void * and size_t.
 * Errors: E_NO_SPACE the disk is full, E_SYSTEM another process holds the lock for too long, E_IO
 * cannot be read or written, or damaged.
 */
AM_CHECK_RESULT am_status sql_run(sql *db, am_error *error, const char *statement,
                                  const char *types, ...);
int sql_changes(sql *db); /* rows the last sql_run touched */

AM_CHECK_RESULT am_status sql_select(sql *db, am_error *error, sql_rows **rows,
                                     const char *statement, const char *types, ...);
/* *more: there is a row to be read. Until sql_end no other sql_select of the same statement. */
AM_CHECK_RESULT am_status sql_next(sql *db, sql_rows *rows, bool *more, am_error *error);
void sql_end(sql_rows *rows);

/* Columns of the row; texts and blobs live until the next step. NULL of null. */
int sql_int(sql_rows *rows, int column);
int64_t sql_long(sql_rows *rows, int column);
double sql_real(sql_rows *rows, int column, double null);
const char *sql_text(sql_rows *rows, int column);
const void *sql_blob(sql_rows *rows, int column, size_t *n);

/* All or nothing: sql_end_transaction commits what went well and takes back the rest; it returns
 * the status of the whole. */
AM_CHECK_RESULT am_status sql_begin(sql *db, am_error *error);
AM_CHECK_RESULT am_status sql_end_transaction(sql *db, am_status so_far, am_error *error);

/* A string of statements without values. */
AM_CHECK_RESULT am_status sql_script(sql *db, const char *statements, am_error *error);

#endif
