/*
 * HTTP as the routes see it: a request with its fields and spooled files comes in, one reply goes
 * out. The only place that knows libmicrohttpd. A connection has a thread, so that a handler may
 * simply wait for its work; how many there are is limited.
 *
 * Uploads go to files of the spool folder as they arrive and are removed with the request, unless
 * the handler keeps them (http_keep). Slow clients lose their connection.
 */
#ifndef AM_SERVER_HTTP_HTTP_H
#define AM_SERVER_HTTP_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "amanuensis.h"

typedef struct http_server http_server;
typedef struct http_request http_request;

typedef struct http_field {
    char *name, *value; /* value: zero-terminated behind n bytes */
    size_t n;
    struct http_field *next;
} http_field;

typedef struct http_file {
    char *name;     /* of the form's field */
    char *filename; /* as the client called it, without folders; "" = not at all */
    char *path;     /* where it lies in the spool; NULL once kept */
    uint64_t n_bytes;
    struct http_file *next;
} http_file;

typedef void http_handler(void *app, http_request *request);

#define HTTP_OPEN (1u << 0)  /* needs no API key */
#define HTTP_QUIET (1u << 1) /* not in the log: asked for every few seconds */
#define HTTP_FORM (1u << 2)  /* takes multipart or urlencoded forms */
#define HTTP_JSON (1u << 3)  /* takes a JSON body, as http_body */
#define HTTP_FILES (1u << 4) /* forms may hold files, up to the limit of uploads */

typedef struct http_route {
    const char *method;
    const char *path; /* "/jobs/{id}/events"; {} is one part, {*} at the end is all of the rest */
    unsigned flags;
    http_handler *handle;
    const char *summary; /* for /openapi.json, as the two schemas' names; NULL = none */
    const char *request_schema, *reply_schema;
} http_route;

typedef struct http_options {
    const char *host; /* address to listen on; "0.0.0.0" or "::" for all */
    int port;         /* 0 = any free one */
    const char *tls_cert, *tls_key; /* PEM texts, or NULL */
    int n_connections_max;
    int n_uploads_max;      /* bodies being received at once */
    uint64_t upload_bytes_max, body_bytes_max;
    int n_fields_max;
    int idle_s;             /* without a byte; a body has half of it before its pace counts */
    int header_s;           /* from connection to the end of the headers */
    const char *spool_dir;
    const http_route *routes;
    size_t n_routes;
    void *app;
    /* Asked when the headers are there, before the body: false when it has replied (with
     * http_fail). May be NULL, as the next. */
    bool (*admit)(void *app, http_request *request);
    /* After each reply is on its way, or the client gone (status 499). */
    void (*done)(void *app, const http_request *request, int status, double seconds);
} http_options;

AM_CHECK_RESULT am_status http_start(const http_options *options, http_server **server,
                                     am_error *error);
int http_port(const http_server *server);
void http_stop_listening(http_server *server); /* what is under way goes on */
int http_n_connections(const http_server *server);
int http_n_requests(const http_server *server); /* being received, worked on or answered */
void http_stop(http_server **server); /* waits for the handlers */

/* ---- The request: borrowed until its handler returns, or its stream ends ------------------- */

const http_route *http_matched(const http_request *request); /* NULL: no such route */
const char *http_method(const http_request *request);
const char *http_path(const http_request *request);
const char *http_id(const http_request *request); /* X-Request-ID */
const char *http_peer(const http_request *request); /* address without port */
const char *http_part(const http_request *request); /* what stands for {} or {*}; "" = nothing */
const char *http_header(const http_request *request, const char *name);
const char *http_query(const http_request *request, const char *name);
const http_field *http_fields(const http_request *request); /* of form and query, in order */
const char *http_field_value(const http_request *request, const char *name); /* the last one's */
http_file *http_files(const http_request *request);
uint64_t http_n_received(const http_request *request); /* bytes of the body */
const char *http_body(const http_request *request, size_t *n); /* JSON; "" when there is none */
/* The file is the caller's: its path, to be freed with heap_free, and its file to be removed. */
char *http_keep(http_file *file);
/* Whether the client has closed its side: cheap, any thread. */
bool http_gone(const http_request *request);
/* Something of the handlers' own that lives as long as the request. */
void http_attach(http_request *request, void *data, void (*release)(void *data));

/* ---- The reply: once for a request --------------------------------------------------------- */

/* One more header. Before the reply, a name that is given again takes the place of the first. */
void http_reply_header(http_request *request, const char *name, const char *value);
/* `bytes` of heap.h becomes the reply's; NULL is answered with 500. */
void http_reply(http_request *request, int status, const char *type, char *bytes, size_t n);
void http_reply_static(http_request *request, int status, const char *type, const void *bytes,
                       size_t n);
/* A file of the disk; ranges are served. `download`: the name to be saved under, or NULL. */
void http_reply_file(http_request *request, const char *path, const char *type,
                     const char *download);
/*
 * A reply without known length: `read` writes up to `capacity` bytes and returns how many, 0 when
 * it has nothing yet (it is called again; wait in there, at most a second), HTTP_STREAM_END at the
 * end. `release` is called once when the reply is over, whoever ended it.
 */
#define HTTP_STREAM_END ((size_t)-1)
typedef size_t http_stream_fn(void *stream, char *bytes, size_t capacity);
void http_reply_stream(http_request *request, int status, const char *type, http_stream_fn *read,
                       void *stream, void (*release)(void *stream));

/* An error in OpenAI's shape; `param` and `code` may be NULL. The type follows from the status. */
void http_fail(http_request *request, int status, const char *code, const char *param,
               const char *format, ...) AM_PRINTF(5, 6);
void http_fail_status(http_request *request, const am_error *error, const char *param);
const char *http_error_type(int status); /* "invalid_request_error" */
bool http_replied(const http_request *request);

#endif
