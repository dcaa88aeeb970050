/*
 * Builds an am_result: new, language and duration, segments in order of time, finish; from then
 * on it is immutable and only the accessors of amanuensis.h read it. Everything a segment points
 * to is copied into the result's arena, with text repaired to UTF-8, so that what leaves the
 * library is well-formed whatever the model wrote.
 */
#ifndef AM_SEGMENTS_RESULT_H
#define AM_SEGMENTS_RESULT_H

#include "base/status.h"

AM_CHECK_RESULT am_status am__result_new(am_task task, am_result **result, am_error *error);

/* `probability` is 1 when the caller chose the language. */
AM_CHECK_RESULT am_status am__result_set_language(am_result *result, const char *code,
                                                  double probability, am_error *error);
void am__result_set_duration(am_result *result, double seconds);

/*
 * Appends a deep copy; the id becomes the segment's number. The segments so far are unchanged on
 * failure. E_LIMIT past 2^20 segments or 512 MiB, E_MEMORY.
 */
AM_CHECK_RESULT am_status am__result_add_segment(am_result *result, const am_segment *segment,
                                                 am_error *error);

/* Makes the whole text: the segments' texts one after another. Once, and last. */
AM_CHECK_RESULT am_status am__result_finish(am_result *result, am_error *error);

#endif
