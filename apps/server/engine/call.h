/*
 * What a request asks for: its fields (form, query or JSON), laid over the server's own options
 * by the same table that reads the command line. Fields of heap memory live as long as the call.
 */
#ifndef AM_SERVER_ENGINE_CALL_H
#define AM_SERVER_ENGINE_CALL_H

#include <jansson.h>

#include "common/options.h"

typedef enum call_format {
    CALL_JSON,         /* ours */
    CALL_VERBOSE_JSON, /* OpenAI's */
    CALL_TEXT,
    CALL_SRT,
    CALL_VTT,
    CALL_TSV,
    CALL_CSV,
    CALL_LRC,
    CALL_HTML,
    CALL_DOCX,
    CALL_DIARIZED_JSON,
} call_format;

typedef struct call {
    options opts;
    char *model;         /* "" = the default */
    call_format format;
    json_t *fields;      /* name -> string of all that was given, as it was given; a job's memory */
    char ignored[512];   /* names nobody knows, with commas */
} call;

/* The server's defaults; call_free also after failure. */
AM_CHECK_RESULT am_status call_init(call *c, const options *defaults, am_error *error);
void call_free(call *c);

/* One field. `param` is set to its name when it is wrong. Empty values are as good as none. */
AM_CHECK_RESULT am_status call_set(call *c, const char *name, const char *value, am_error *error);
/* All members of an object: strings, numbers, booleans, lists of them. */
AM_CHECK_RESULT am_status call_set_json(call *c, json_t *object, am_error *error);
/* After all fields: rules between them. */
AM_CHECK_RESULT am_status call_resolve(call *c, am_error *error);

/* The format of a name; false when there is none. */
bool call_format_by_name(const char *name, call_format *format);
const char *call_format_name(call_format format);
const char *call_format_type(call_format format); /* "text/vtt; charset=utf-8" */

#endif
