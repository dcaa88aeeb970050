/*
 * HTTP over libmicrohttpd: see http.h.
 *
 * DESIGN. MHD calls on_request first with the headers, then with each piece of the body, then once
 * more at its end, always in the thread of the connection. It takes a reply at the first call or
 * the last, not between. A request that has failed has the rest of its body read and dropped, for
 * a client that is still sending does not read, and the connection stays usable; when that rest is
 * large or slow, the reply is written to the socket past MHD and the connection ends (cut_off).
 */
#include "server/http/http.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/http/connections.h"
#include "server/http/form.h"
#include "server/http/http_parse.h"
#include "server/base/socket.h"
#include "server/base/text_buffer.h"
#include "server/base/wall_clock.h"

#define DROPPED_BODY_MAX ((uint64_t)8 << 20)
#define DROPPED_BODY_S 10
#define SLOW_BYTES_PER_S 512
#define FORM_BUFFER ((size_t)32 << 10)
#define HEADER_MEMORY ((size_t)32 << 10)
#define FIELD_NAME_MAX 128
#define FIELDS_BYTES_MAX ((uint64_t)16 << 20)
#define SMALL_BODY ((uint64_t)1 << 20) /* needs no place among the uploads */
#define STACK_BYTES ((size_t)512 << 10)

struct http_server {
    http_options options;
    struct MHD_Daemon *daemon;
    connections *connections;
    pthread_mutex_t lock;
    int n_uploads;
};

struct http_request {
    http_server *server;
    struct MHD_Connection *connection;
    struct MHD_PostProcessor *parser;
    const http_route *route;
    char *method, *path, *peer;
    char part[HTTP_PART_BYTES], id[HTTP_ID_BYTES], allowed[64];
    form form;
    uint64_t n_received, n_dropped;
    bool uploading, malformed, cut, streams;
    text body;
    double start, failed_at;
    struct MHD_Response *response;
    int status;
    const char *reply; /* the response's bytes, its own */
    size_t n_reply;
    text headers; /* name NUL value NUL … until there is a response */
    void *data;
    void (*release)(void *data);
};

/* ---- Requests ------------------------------------------------------------------------------ */

static void allow(http_request *request, const char *method) {
    const size_t n = strlen(request->allowed);
    snprintf(request->allowed + n, sizeof request->allowed - n, "%s%s", n > 0 ? ", " : "", method);
}

/* The route of method and path; `allowed` are the methods that the path has. */
static const http_route *find_route(http_request *request) {
    const http_options *options = &request->server->options;
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    for (size_t i = 0; i < options->n_routes; i++) {
        const http_route *route = &options->routes[i];
        if (!http_path_matches(route->path, request->path, request->part)) continue;
        if (strcmp(route->method, method) == 0) return route;
        allow(request, route->method);
        if (strcmp(route->method, "GET") == 0) allow(request, "HEAD");
    }
    if (request->allowed[0] != '\0') allow(request, "OPTIONS");
    request->part[0] = '\0';
    return NULL;
}

static http_request *new_request(http_server *server, struct MHD_Connection *connection,
                                 const char *method, const char *url) {
    http_request *request = heap_new(sizeof *request);
    if (request == NULL) return NULL;
    request->server = server;
    request->connection = connection;
    request->method = heap_string(method);
    request->path = heap_string(url);
    form_init(&request->form, server->options.spool_dir, server->options.upload_bytes_max,
              FIELDS_BYTES_MAX, server->options.n_fields_max);
    request->start = clock_now();
    text_init(&request->body, server->options.body_bytes_max);
    text_init(&request->headers, 16 << 10);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    request->peer = socket_address_text(info != NULL ? info->client_addr : NULL);
    const char *id = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "X-Request-ID");
    if (id != NULL && http_is_id(id)) {
        snprintf(request->id, sizeof request->id, "%s", id);
    } else {
        http_make_id(request->id);
    }
    return request;
}

static void free_request(http_request *request) {
    if (request->release != NULL) request->release(request->data);
    if (request->parser != NULL) (void)MHD_destroy_post_processor(request->parser);
    if (request->response != NULL) MHD_destroy_response(request->response);
    form_free(&request->form);
    text_free(&request->body);
    text_free(&request->headers);
    heap_free(request->method);
    heap_free(request->path);
    heap_free(request->peer);
    heap_free(request);
}

/* What adding a part has come to; false when the request has failed by it. */
static bool added(http_request *request, am_status status, const am_error *error,
                  const char *name) {
    if (status == AM_OK) return true;
    if (status == AM_E_LIMIT) {
        http_fail(request, 413, "file_too_large", name, "%s", error->detail);
    } else {
        http_fail_status(request, error, name);
    }
    return false;
}

static enum MHD_Result on_query(void *context, enum MHD_ValueKind kind, const char *name,
                                const char *value) {
    (void)kind;
    http_request *request = context;
    am_error error;
    value = value != NULL ? value : "";
    const am_status status =
        form_add_field(&request->form, name, value, strlen(value), 0, &error);
    return added(request, status, &error, NULL) ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_form(void *context, enum MHD_ValueKind kind, const char *name,
                               const char *filename, const char *type, const char *encoding,
                               const char *data, uint64_t offset, size_t n) {
    (void)kind;
    (void)type;
    (void)encoding;
    http_request *request = context;
    form *f = &request->form;
    am_error error;
    if (name == NULL || strlen(name) > FIELD_NAME_MAX) return MHD_NO;
    const bool is_file =
        (request->route->flags & HTTP_FILES) != 0 && http_is_file(name, filename);
    const am_status status = is_file
                                 ? form_add_file(f, name, filename, data, n, offset, &error)
                                 : form_add_field(f, name, data, n, offset, &error);
    return added(request, status, &error, name) ? MHD_YES : MHD_NO;
}

/* ---- Replies ------------------------------------------------------------------------------- */

/* Forgets a header that was to be sent. */
static void drop_header(text *headers, const char *name) {
    for (size_t at = 0; at < headers->n;) {
        char *found = headers->bytes + at;
        const size_t n_name = strlen(found) + 1;
        const size_t n = n_name + strlen(found + n_name) + 1;
        if (strcasecmp(found, name) == 0) {
            memmove(found, found + n, headers->n - at - n);
            headers->n -= n;
            return;
        }
        at += n;
    }
}

void http_reply_header(http_request *request, const char *name, const char *value) {
    if (request->response != NULL) {
        (void)MHD_add_response_header(request->response, name, value);
        return;
    }
    drop_header(&request->headers, name);
    text_add(&request->headers, name, strlen(name) + 1);
    text_add(&request->headers, value, strlen(value) + 1);
}

static void reply_with(http_request *request, int status, const char *type,
                       struct MHD_Response *response) {
    if (response == NULL || request->response != NULL) {
        if (response != NULL) MHD_destroy_response(response);
        return;
    }
    request->response = response;
    request->status = status;
    if (type != NULL) (void)MHD_add_response_header(response, "Content-Type", type);
    (void)MHD_add_response_header(response, "X-Request-ID", request->id);
    for (size_t at = 0; at < request->headers.n;) {
        const char *name = request->headers.bytes + at;
        const char *value = name + strlen(name) + 1;
        (void)MHD_add_response_header(response, name, value);
        at += strlen(name) + 1 + strlen(value) + 1;
    }
}

static const char failure[] =
    "{\"error\": {\"message\": \"out of memory\", \"type\": \"server_error\", \"param\": null, "
    "\"code\": null}}";

void http_reply(http_request *request, int status, const char *type, char *bytes, size_t n) {
    if (bytes == NULL) {
        http_reply_static(request, 500, "application/json", failure, sizeof failure - 1);
        return;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer_with_free_callback(n, bytes, heap_free);
    if (response == NULL) heap_free(bytes);
    if (response != NULL && request->response == NULL) {
        request->reply = bytes;
        request->n_reply = n;
    }
    reply_with(request, status, type, response);
}

void http_reply_static(http_request *request, int status, const char *type, const void *bytes,
                       size_t n) {
    if (request->response == NULL) {
        request->reply = bytes;
        request->n_reply = n;
    }
    char *borrowed;
    memcpy(&borrowed, &bytes, sizeof borrowed); /* MHD does not write to it */
    reply_with(request, status, type,
               MHD_create_response_from_buffer(n, borrowed, MHD_RESPMEM_PERSISTENT));
}

void http_reply_file(http_request *request, const char *path, const char *type,
                     const char *download) {
    struct stat found;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) != 0) {
        if (fd >= 0) close(fd);
        http_fail(request, 404, "not_found", NULL, "the file is not there any more");
        return;
    }
    const uint64_t n = (uint64_t)found.st_size;
    uint64_t first = 0;
    uint64_t n_part = n;
    const char *range = http_header(request, "Range");
    const bool partial = range != NULL && http_parse_range(range, n, &first, &n_part);
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(n_part, fd, first);
    if (response == NULL) {
        close(fd);
        return;
    }
    char value[512];
    http_reply_header(request, "Accept-Ranges", "bytes");
    if (partial) {
        snprintf(value, sizeof value, "bytes %llu-%llu/%llu", (unsigned long long)first,
                 (unsigned long long)(first + n_part - 1), (unsigned long long)n);
        http_reply_header(request, "Content-Range", value);
    }
    if (download != NULL) {
        snprintf(value, sizeof value, "attachment; filename=\"%.200s\"", download);
        http_reply_header(request, "Content-Disposition", value);
    }
    reply_with(request, partial ? 206 : 200, type, response);
}

/*
 * MHD counts the time in a stream's reader as silence of the client, and would close when there is
 * something to say at last. Setting a timeout where there was none starts the count anew.
 */
static void renew_timeout(const http_server *server, struct MHD_Connection *connection) {
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0u);
    (void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                    (unsigned)server->options.idle_s);
}

typedef struct stream_reply {
    const http_request *request;
    http_stream_fn *read;
    void *stream;
    void (*release)(void *stream);
} stream_reply;

static ssize_t on_stream(void *context, uint64_t position, char *bytes, size_t capacity) {
    (void)position;
    const stream_reply *reply = context;
    for (;;) {
        const size_t n = reply->read(reply->stream, bytes, capacity);
        renew_timeout(reply->request->server, reply->request->connection);
        if (n == HTTP_STREAM_END) return MHD_CONTENT_READER_END_OF_STREAM;
        if (n > 0) return (ssize_t)n;
        if (http_gone(reply->request)) return MHD_CONTENT_READER_END_WITH_ERROR;
    }
}

static void on_stream_end(void *context) {
    stream_reply *reply = context;
    if (reply->release != NULL) reply->release(reply->stream);
    heap_free(reply);
}

void http_reply_stream(http_request *request, int status, const char *type, http_stream_fn *read,
                       void *stream, void (*release)(void *stream)) {
    stream_reply *reply = heap_new(sizeof *reply);
    if (reply == NULL) {
        release(stream);
        http_reply(request, 500, NULL, NULL, 0);
        return;
    }
    *reply = (stream_reply){request, read, stream, release};
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, on_stream, reply, on_stream_end);
    if (response == NULL) on_stream_end(reply);
    http_reply_header(request, "Cache-Control", "no-cache");
    http_reply_header(request, "X-Accel-Buffering", "no");
    request->streams = true;
    reply_with(request, status, type, response);
}

bool http_replied(const http_request *request) {
    return request->response != NULL;
}

/* ---- What handlers ask --------------------------------------------------------------------- */

const http_route *http_matched(const http_request *request) { return request->route; }
const char *http_method(const http_request *request) { return request->method; }
const char *http_path(const http_request *request) { return request->path; }
const char *http_id(const http_request *request) { return request->id; }
const char *http_peer(const http_request *request) { return request->peer; }
const char *http_part(const http_request *request) { return request->part; }
const http_field *http_fields(const http_request *request) { return request->form.fields; }
uint64_t http_n_received(const http_request *request) { return request->n_received; }
http_file *http_files(const http_request *request) { return request->form.files; }

const char *http_header(const http_request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *http_query(const http_request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_field_value(const http_request *request, const char *name) {
    const char *value = NULL;
    for (const http_field *field = request->form.fields; field != NULL; field = field->next) {
        if (strcmp(field->name, name) == 0) value = field->value;
    }
    return value;
}

const char *http_body(const http_request *request, size_t *n) {
    *n = request->body.n;
    return request->body.bytes != NULL ? request->body.bytes : "";
}

char *http_keep(http_file *file) {
    char *path = file->path;
    file->path = NULL;
    return path;
}

static int socket_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL ? info->connect_fd : -1;
}

bool http_gone(const http_request *request) {
    return socket_is_closed(socket_of(request->connection));
}

void http_attach(http_request *request, void *data, void (*release)(void *data)) {
    if (request->release != NULL) request->release(request->data);
    request->data = data;
    request->release = release;
}

/* ---- The way of a request ------------------------------------------------------------------ */

static const char *content_type(const http_request *request) {
    const char *type = http_header(request, "Content-Type");
    return type != NULL ? type : "";
}

static bool type_is(const http_request *request, const char *wanted) {
    return strncasecmp(content_type(request), wanted, strlen(wanted)) == 0;
}

/* JSON by any of its names ("application/problem+json"), or no type at all. */
static bool type_is_json(const http_request *request) {
    const char *type = content_type(request);
    return type[0] == '\0' || strstr(type, "json") != NULL;
}

/* What the headers say of the body's length; UINT64_MAX when they do not. */
static uint64_t body_length(const http_request *request) {
    const char *length = http_header(request, "Content-Length");
    unsigned long long n = 0;
    if (http_header(request, "Transfer-Encoding") != NULL) return UINT64_MAX;
    if (length == NULL) return 0;
    return sscanf(length, "%llu", &n) == 1 ? n : UINT64_MAX;
}

static bool take_upload_place(http_request *request) {
    http_server *server = request->server;
    pthread_mutex_lock(&server->lock);
    request->uploading = server->n_uploads < server->options.n_uploads_max;
    if (request->uploading) server->n_uploads++;
    pthread_mutex_unlock(&server->lock);
    if (request->uploading) return true;
    http_reply_header(request, "Retry-After", "1");
    http_fail(request, 429, "too_many_uploads", NULL, "too many uploads at once");
    return false;
}

static void check_body(http_request *request) {
    const unsigned flags = request->route->flags;
    const uint64_t n = body_length(request);
    const bool is_form = type_is(request, "multipart/form-data") ||
                      type_is(request, "application/x-www-form-urlencoded");
    const uint64_t n_max = is_form && (flags & HTTP_FILES) != 0
                               ? request->server->options.upload_bytes_max
                               : request->server->options.body_bytes_max;
    if (n == 0) return;
    if (n == UINT64_MAX && http_header(request, "Content-Length") != NULL) {
        /* RFC 9112, 6.3: a request with both may be an attempt to smuggle another one. */
        http_reply_header(request, "Connection", "close");
        http_fail(request, 400, NULL, NULL, "Transfer-Encoding beside Content-Length");
    } else if ((flags & HTTP_FORM) == 0 && is_form) {
        http_fail(request, 415, NULL, NULL, "this route takes no forms");
    } else if (!is_form && ((flags & HTTP_JSON) == 0 || !type_is_json(request))) {
        http_fail(request, 415, NULL, NULL, "%.80s is not a type this route takes",
                  content_type(request));
    } else if (n != UINT64_MAX && n > n_max + FORM_BUFFER) {
        http_fail(request, 413, "file_too_large", NULL, "the body is larger than %llu bytes",
                  (unsigned long long)n_max);
    } else if (n <= SMALL_BODY || take_upload_place(request)) {
        if (!is_form) return;
        request->parser =
            MHD_create_post_processor(request->connection, FORM_BUFFER, on_form, request);
        if (request->parser != NULL) return;
        http_fail(request, 400, NULL, NULL, "the form has no boundary, or a bad one");
    }
}

static void refuse_route(http_request *request) {
    const bool known = request->allowed[0] != '\0';
    if (known) http_reply_header(request, "Allow", request->allowed);
    if (known && strcmp(request->method, "OPTIONS") == 0) {
        http_reply_static(request, 204, NULL, "", 0);
    } else {
        http_fail(request, known ? 405 : 404, known ? NULL : "not_found", NULL, "%s %.200s: %s",
                  request->method, request->path,
                  known ? "no such method here" : "no such route");
    }
}

/* The first call: everything that can be said before the body. */
static void begin_request(http_request *request) {
    const http_options *options = &request->server->options;
    if (request->method == NULL || request->path == NULL || request->peer == NULL) {
        http_reply(request, 500, NULL, NULL, 0);
        return;
    }
    request->route = find_route(request);
    if (options->admit != NULL && !options->admit(options->app, request)) return;
    (void)MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, on_query, request);
    if (request->response != NULL) return;
    if (request->route == NULL) {
        refuse_route(request);
    } else {
        check_body(request);
    }
}

static void take_body(http_request *request, const char *data, size_t n) {
    const double seconds = clock_now() - request->start - request->server->options.idle_s / 2.0;
    request->n_received += n;
    if (seconds > 0 && (double)request->n_received < seconds * SLOW_BYTES_PER_S) {
        http_fail(request, 408, NULL, NULL, "the body comes too slowly");
    } else if (request->parser != NULL) {
        if (MHD_post_process(request->parser, data, n) == MHD_YES) return;
        if (request->response != NULL) return;
        request->malformed = true;
        http_fail(request, 400, NULL, NULL, "the form is malformed");
    } else {
        text_add(&request->body, data, n);
        if (!request->body.failed) return;
        http_fail(request, 413, "file_too_large", NULL, "the body is larger than %llu bytes",
                  (unsigned long long)request->server->options.body_bytes_max);
    }
}

static void end_body(http_request *request) {
    am_error error;
    if (request->parser != NULL) {
        struct MHD_PostProcessor *parser = request->parser;
        request->parser = NULL;
        request->malformed = MHD_destroy_post_processor(parser) != MHD_YES;
    }
    if (form_end(&request->form, &error) != AM_OK && request->response == NULL) {
        http_fail_status(request, &error, NULL);
    }
    if (request->malformed && request->response == NULL) {
        http_fail(request, 400, NULL, NULL, "the form is malformed, or ends too early");
    }
}

static enum MHD_Result queue_reply(http_request *request) {
    if (request->response == NULL) {
        http_reply_static(request, 500, "application/json", failure, sizeof failure - 1);
    }
    if (request->response == NULL) return MHD_NO;
    if (!request->streams) form_free(&request->form); /* nobody reads it any more */
    return MHD_queue_response(request->connection, (unsigned)request->status, request->response);
}

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name,
                                 const char *value) {
    (void)kind;
    if (strcasecmp(name, "Connection") != 0) text_print(context, "%s: %s\r\n", name, value);
    return MHD_YES;
}

/* The reply past MHD, while the body still comes; then the end of the connection. Nothing can be
 * slipped into a TLS stream that way: there the client sees the end alone. */
static enum MHD_Result cut_off(http_request *request) {
    text out;
    request->cut = true;
    form_free(&request->form);
    if (request->server->options.tls_cert != NULL || request->reply == NULL) return MHD_NO;
    text_init(&out, 64 << 10);
    text_print(&out, "HTTP/1.1 %d Error\r\n", request->status);
    (void)MHD_get_response_headers(request->response, on_header, &out);
    text_print(&out, "Content-Length: %zu\r\nConnection: close\r\n\r\n", request->n_reply);
    text_add(&out, request->reply, request->n_reply);
    if (!out.failed) socket_last_words(socket_of(request->connection), out.bytes, out.n);
    text_free(&out);
    return MHD_NO;
}

/* Headers that are refused before their body has come. */
static enum MHD_Result reply_early(http_request *request) {
    const uint64_t n = body_length(request);
    const bool waits = http_header(request, "Expect") != NULL;
    if (n <= DROPPED_BODY_MAX && !waits) return MHD_YES; /* it is read and dropped */
    const bool tls = request->server->options.tls_cert != NULL;
    return waits || tls ? queue_reply(request) : cut_off(request);
}

static enum MHD_Result drop_body(http_request *request, size_t n) {
    if (request->failed_at <= 0) request->failed_at = clock_now();
    request->n_received += n;
    request->n_dropped += n;
    const bool over = request->n_dropped > DROPPED_BODY_MAX || request->status == 408 ||
                      clock_now() - request->failed_at > DROPPED_BODY_S;
    return over ? cut_off(request) : MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *data, size_t *n_data, void **state) {
    (void)version;
    http_server *server = context;
    http_request *request = *state;
    if (request == NULL) {
        request = new_request(server, connection, method, url);
        if (request == NULL) return MHD_NO;
        *state = request;
        connections_mark(server->connections, connection, true);
        begin_request(request);
        return request->response != NULL ? reply_early(request) : MHD_YES;
    }
    if (*n_data > 0) {
        const size_t n = *n_data;
        *n_data = 0;
        if (request->response != NULL) return drop_body(request, n);
        take_body(request, data, n);
        return request->response != NULL ? drop_body(request, 0) : MHD_YES;
    }
    end_body(request);
    if (request->response == NULL) {
        request->route->handle(server->options.app, request);
    }
    return queue_reply(request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how) {
    http_server *server = context;
    http_request *request = *state;
    connections_mark(server->connections, connection, false);
    if (request == NULL) return;
    *state = NULL;
    if (request->uploading) {
        pthread_mutex_lock(&server->lock);
        server->n_uploads--;
        pthread_mutex_unlock(&server->lock);
    }
    const bool answered = how == MHD_REQUEST_TERMINATED_COMPLETED_OK || request->cut;
    const int status = answered                                            ? request->status
                       : how == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED ? 408
                                                                           : 499;
    if (server->options.done != NULL) {
        server->options.done(server->options.app, request, status, clock_now() - request->start);
    }
    free_request(request);
}

/* ---- Connections --------------------------------------------------------------------------- */

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what) {
    (void)state;
    const http_server *server = context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        connections_add(server->connections, connection, socket_of(connection));
    } else if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        connections_remove(server->connections, connection);
    }
}

/* ---- The server ---------------------------------------------------------------------------- */

static am_status start_daemon(http_server *server, am_error *error) {
    const http_options *options = &server->options;
    socket_endpoint endpoint;
    REPORT_TRY(socket_resolve(options->host, options->port, &endpoint, error));
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION |
                     MHD_USE_POLL | MHD_USE_ITC; /* stopping to listen needs ITC */
    if (endpoint.is_ipv6) flags |= MHD_USE_DUAL_STACK;
    if (options->tls_cert != NULL) flags |= MHD_USE_TLS;
    const struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, heap_string(options->tls_cert)},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, heap_string(options->tls_key)},
        {MHD_OPTION_END, 0, NULL},
    };
    const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    errno = 0;
    server->daemon = MHD_start_daemon(
        flags, (uint16_t)options->port, NULL, NULL, on_request, server,
        MHD_OPTION_SOCK_ADDR, socket_sockaddr(&endpoint),
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)options->n_connections_max,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)options->idle_s,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADER_MEMORY + FORM_BUFFER,
        MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_ARRAY, options->tls_cert != NULL ? tls : none, MHD_OPTION_END);
    heap_free(tls[0].ptr_value);
    heap_free(tls[1].ptr_value);
    if (server->daemon != NULL) return AM_OK;
    if (errno == EADDRINUSE) {
        return report_fail(error, AM_E_IO, "port %d of %s is in use by another program; --port "
                           "takes another", options->port, options->host);
    }
    if (errno != 0) {
        return report_fail_errno(error, errno, "%s port %d", options->host, options->port);
    }
    return report_fail(error, AM_E_SYSTEM, "%s port %d: %s", options->host, options->port,
                       options->tls_cert != NULL ? "the certificate and key cannot be used"
                                                 : "cannot listen");
}

am_status http_start(const http_options *options, http_server **server, am_error *error) {
    http_server *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the server");
    fresh->options = *options;
    pthread_mutex_init(&fresh->lock, NULL);
    am_status status = connections_new(options->header_s, &fresh->connections, error);
    if (status == AM_OK) status = start_daemon(fresh, error);
    if (status != AM_OK) {
        http_stop(&fresh);
        return status;
    }
    *server = fresh;
    return AM_OK;
}

int http_port(const http_server *server) {
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_BIND_PORT);
    return info != NULL ? info->port : 0;
}

void http_stop_listening(http_server *server) {
    const MHD_socket fd = MHD_quiesce_daemon(server->daemon);
    if (fd >= 0) close(fd);
}

int http_n_connections(const http_server *server) {
    return connections_count(server->connections);
}

int http_n_requests(const http_server *server) {
    return connections_busy(server->connections);
}

void http_stop(http_server **server) {
    http_server *old = *server;
    if (old == NULL) return;
    if (old->daemon != NULL) MHD_stop_daemon(old->daemon);
    connections_free(&old->connections);
    pthread_mutex_destroy(&old->lock);
    heap_free(old);
    *server = NULL;
}
