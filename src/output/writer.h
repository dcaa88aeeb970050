/*
 * One writer per output format, and the sink they write to. Writers see a result through
 * amanuensis.h only; they append to the sink's text and end an item (a line, a cue, a segment)
 * so that a long result passes through in pieces. write.c has the table.
 */
#ifndef AM_OUTPUT_WRITER_H
#define AM_OUTPUT_WRITER_H

#include "base/buf.h"

typedef struct am_sink {
    am_buf text; /* not handed on yet */
    am_write_fn *write;
    void *user;
} am_sink;

/* Hands the text on when there is much of it. */
AM_CHECK_RESULT am_status am__sink_end_item(am_sink *sink, am_error *error);

typedef struct am_writer {
    const char *name; /* of the format, and extension of its files */
    am_status (*write)(const am_result *result, const am_write_options *options, am_sink *sink,
                       am_error *error);
} am_writer;

extern const am_writer am__writer_txt;
extern const am_writer am__writer_srt;
extern const am_writer am__writer_vtt;
extern const am_writer am__writer_tsv;
extern const am_writer am__writer_json;
extern const am_writer am__writer_lrc;
extern const am_writer am__writer_csv;

/* round(1000 * seconds) of Python: to the nearest, ties to even; 0 for negative times and NaN. */
int64_t am__milliseconds(double seconds);

/* Appends "[SPEAKER]: " unless speaker is NULL. */
AM_CHECK_RESULT am_status am__append_speaker(am_buf *text, const char *speaker, am_error *error);

/* Appends a segment's text without white space at its ends (Python's strip). */
AM_CHECK_RESULT am_status am__append_stripped(am_buf *text, const char *segment_text,
                                              am_error *error);

#endif
