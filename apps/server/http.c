/*
 * HTTP over libmicrohttpd: see http.h.
 *
 * DESIGN. MHD calls on_request first with the headers, then with each piece of the body, then once
 * more at its end, always in the thread of the connection. Replies to bad headers wait until a
 * small body has been read and dropped, for a client that is still sending does not read; a large
 * one is cut off. A reaper thread ends connections whose headers do not come: the daemon's own
 * timeout sees only silence, not slowness.
 */
#include "server/http.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/heap.h"
#include "common/report.h"
#include "server/wall_clock.h"
#include "server/http_parse.h"
#include "server/socket.h"
#include "server/text_buffer.h"

#define DROPPED_BODY_MAX ((uint64_t)8 << 20)
#define SLOW_AFTER_S 30
#define SLOW_BYTES_PER_S 512
#define FORM_BUFFER ((size_t)32 << 10)
#define HEADER_MEMORY ((size_t)32 << 10)
#define FIELD_NAME_MAX 128
#define STACK_BYTES ((size_t)512 << 10)
#define REAPER_NANOSECONDS 500000000L

typedef struct connection_entry {
    struct MHD_Connection *connection;
    int fd;
    double since;    /* of the connection, or of the end of its last request */
    bool in_request;
    struct connection_entry *next;
} connection_entry;

struct http_server {
    http_options options;
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    connection_entry *connections;
    int n_connections, n_uploads;
    pthread_t reaper;
    bool reaping, stop;
};

struct http_request {
    http_server *server;
    struct MHD_Connection *connection;
    struct MHD_PostProcessor *form;
    const http_route *route;
    char *method, *path, *peer;
    char part[HTTP_PART_BYTES], id[HTTP_ID_BYTES];
    http_field *fields, **next_field;
    http_file *files, **next_file;
    int n_fields, fd; /* of the file being received, -1 = none */
    uint64_t n_received;
    bool uploading, refused, failed;
    text body;
    double start;
    struct MHD_Response *response;
    int status;
    text headers; /* name NUL value NUL … until there is a response */
    void *data;
    void (*release)(void *data);
};

/* ---- Requests ------------------------------------------------------------------------------ */

/* The route of method and path; *known when the path has one of another method. */
static const http_route *find_route(http_request *request, bool *known) {
    const http_options *options = &request->server->options;
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    *known = false;
    for (size_t i = 0; i < options->n_routes; i++) {
        const http_route *route = &options->routes[i];
        if (!http_path_matches(route->path, request->path, request->part)) continue;
        if (strcmp(route->method, method) == 0) return route;
        *known = true;
    }
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
    request->next_field = &request->fields;
    request->next_file = &request->files;
    request->fd = -1;
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

static void free_files(http_file *file) {
    while (file != NULL) {
        http_file *next = file->next;
        if (file->path != NULL) unlink(file->path);
        heap_free(file->name);
        heap_free(file->filename);
        heap_free(file->path);
        heap_free(file);
        file = next;
    }
}

static void free_fields(http_field *field) {
    while (field != NULL) {
        http_field *next = field->next;
        heap_free(field->name);
        heap_free(field->value);
        heap_free(field);
        field = next;
    }
}

static void free_request(http_request *request) {
    if (request->release != NULL) request->release(request->data);
    if (request->form != NULL) (void)MHD_destroy_post_processor(request->form);
    if (request->fd >= 0) close(request->fd);
    if (request->response != NULL) MHD_destroy_response(request->response);
    free_files(request->files);
    free_fields(request->fields);
    text_free(&request->body);
    text_free(&request->headers);
    heap_free(request->method);
    heap_free(request->path);
    heap_free(request->peer);
    heap_free(request);
}

/* A field, or the next piece of its value. */
static bool add_field(http_request *request, const char *name, const char *value, size_t n,
                      uint64_t offset) {
    http_field *field = NULL;
    if (offset == 0) {
        if (++request->n_fields > request->server->options.n_fields_max) {
            http_fail(request, 400, NULL, NULL, "more than %d fields",
                      request->server->options.n_fields_max);
            return false;
        }
        field = heap_new(sizeof *field);
        if (field == NULL) return false;
        field->name = heap_string(name);
        *request->next_field = field;
        request->next_field = &field->next;
    } else {
        for (field = request->fields; field != NULL && field->next != NULL;) field = field->next;
        if (field == NULL) return false;
    }
    if (n > request->server->options.body_bytes_max - field->n) {
        http_fail(request, 413, NULL, name, "field %.64s is too long", name);
        return false;
    }
    char *grown = heap_resize(field->value, field->n + n + 1);
    if (grown == NULL) return false;
    field->value = grown;
    if (n > 0) memcpy(grown + field->n, value, n);
    field->n += n;
    grown[field->n] = '\0';
    return field->name != NULL;
}

static enum MHD_Result on_query(void *context, enum MHD_ValueKind kind, const char *name,
                                const char *value) {
    (void)kind;
    http_request *request = context;
    value = value != NULL ? value : "";
    return add_field(request, name, value, strlen(value), 0) ? MHD_YES : MHD_NO;
}

/* ---- Uploads ------------------------------------------------------------------------------- */

static bool begin_file(http_request *request, const char *name, const char *filename) {
    if (request->fd >= 0) close(request->fd);
    request->fd = -1;
    if (++request->n_fields > request->server->options.n_fields_max) {
        http_fail(request, 400, NULL, NULL, "more than %d parts",
                  request->server->options.n_fields_max);
        return false;
    }
    http_file *file = heap_new(sizeof *file);
    if (file == NULL) return false;
    *request->next_file = file;
    request->next_file = &file->next;
    file->name = heap_string(name);
    file->filename = heap_string(filename != NULL ? http_base_name(filename) : "");
    char *path = heap_print("%s/upload-XXXXXX", request->server->options.spool_dir);
    if (file->name == NULL || file->filename == NULL || path == NULL) {
        heap_free(path);
        return false;
    }
    request->fd = mkstemp(path);
    if (request->fd < 0) {
        am_error error;
        (void)report_fail_errno(&error, errno, "the spool folder takes no file");
        http_fail_status(request, &error, NULL);
        heap_free(path);
        return false;
    }
    file->path = path;
    return true;
}

static bool add_to_file(http_request *request, const char *data, size_t n) {
    http_file *file = request->files;
    while (file != NULL && file->next != NULL) file = file->next;
    if (file == NULL || request->fd < 0) return false;
    const uint64_t n_max = request->server->options.upload_bytes_max;
    if (n > n_max - file->n_bytes) {
        http_fail(request, 413, "file_too_large", file->name, "the file is larger than %llu bytes",
                  (unsigned long long)n_max);
        return false;
    }
    file->n_bytes += n;
    while (n > 0) {
        const ssize_t n_written = write(request->fd, data, n);
        if (n_written < 0 && errno == EINTR) continue;
        if (n_written < 0) {
            am_error error;
            (void)report_fail_errno(&error, errno, "the spool folder takes no more");
            http_fail_status(request, &error, file->name);
            return false;
        }
        data += n_written;
        n -= (size_t)n_written;
    }
    return true;
}

static enum MHD_Result on_form(void *context, enum MHD_ValueKind kind, const char *name,
                               const char *filename, const char *type, const char *encoding,
                               const char *data, uint64_t offset, size_t n) {
    (void)kind;
    (void)type;
    (void)encoding;
    http_request *request = context;
    if (name == NULL || strlen(name) > FIELD_NAME_MAX) return MHD_NO;
    bool ok = false;
    if ((request->route->flags & HTTP_FILES) != 0 && http_is_file(name, filename)) {
        ok = (offset > 0 || begin_file(request, name, filename)) && add_to_file(request, data, n);
    } else {
        ok = add_field(request, name, data, n, offset);
    }
    if (!ok) request->failed = true;
    return ok ? MHD_YES : MHD_NO;
}

/* ---- Replies ------------------------------------------------------------------------------- */

void http_reply_header(http_request *request, const char *name, const char *value) {
    if (request->response != NULL) {
        (void)MHD_add_response_header(request->response, name, value);
        return;
    }
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
    reply_with(request, status, type, response);
}

void http_reply_static(http_request *request, int status, const char *type, const void *bytes,
                       size_t n) {
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

typedef struct stream_reply {
    http_stream_fn *read;
    void *stream;
    void (*release)(void *stream);
} stream_reply;

static ssize_t on_stream(void *context, uint64_t position, char *bytes, size_t capacity) {
    (void)position;
    const stream_reply *reply = context;
    for (;;) {
        const size_t n = reply->read(reply->stream, bytes, capacity);
        if (n == HTTP_STREAM_END) return MHD_CONTENT_READER_END_OF_STREAM;
        if (n > 0) return (ssize_t)n;
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
    *reply = (stream_reply){read, stream, release};
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, on_stream, reply, on_stream_end);
    if (response == NULL) on_stream_end(reply);
    http_reply_header(request, "Cache-Control", "no-cache");
    http_reply_header(request, "X-Accel-Buffering", "no");
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
const http_field *http_fields(const http_request *request) { return request->fields; }
http_file *http_files(const http_request *request) { return request->files; }

const char *http_header(const http_request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *http_query(const http_request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_field_value(const http_request *request, const char *name) {
    const char *value = NULL;
    for (const http_field *field = request->fields; field != NULL; field = field->next) {
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

bool http_gone(const http_request *request) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    return info != NULL && socket_is_closed(info->connect_fd);
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

static bool has_body(const http_request *request) {
    const char *length = http_header(request, "Content-Length");
    return (length != NULL && strcmp(length, "0") != 0) ||
           http_header(request, "Transfer-Encoding") != NULL;
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
    const bool form = type_is(request, "multipart/form-data") ||
                      type_is(request, "application/x-www-form-urlencoded");
    if (!has_body(request)) return;
    const char *length = http_header(request, "Content-Length");
    unsigned long long n = 0;
    const uint64_t n_max = (flags & HTTP_FILES) != 0 ? request->server->options.upload_bytes_max
                                                     : request->server->options.body_bytes_max;
    if (length != NULL && sscanf(length, "%llu", &n) == 1 && n > n_max + FORM_BUFFER) {
        http_fail(request, 413, "file_too_large", NULL, "the body is larger than %llu bytes",
                  (unsigned long long)n_max);
    } else if ((flags & HTTP_FORM) != 0 && form) {
        request->form =
            MHD_create_post_processor(request->connection, FORM_BUFFER, on_form, request);
        if (request->form == NULL) {
            http_fail(request, 400, NULL, NULL, "the form has no boundary, or a bad one");
        } else if ((flags & HTTP_FILES) != 0) {
            (void)take_upload_place(request);
        }
    } else if ((flags & HTTP_JSON) == 0 || form) {
        http_fail(request, 415, NULL, NULL, "%.80s is not a type this route takes",
                  content_type(request));
    }
}

/* The first call: everything that can be said before the body. */
static void begin_request(http_request *request) {
    const http_options *options = &request->server->options;
    bool known = false;
    if (request->method == NULL || request->path == NULL || request->peer == NULL) {
        http_reply(request, 500, NULL, NULL, 0);
        return;
    }
    request->route = find_route(request, &known);
    (void)MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, on_query, request);
    if (request->response == NULL && options->admit != NULL &&
        !options->admit(options->app, request)) {
        request->refused = true;
    }
    if (request->response != NULL) {
        request->refused = true;
    } else if (request->route == NULL) {
        http_fail(request, known ? 405 : 404, known ? NULL : "not_found", NULL, "%s %.200s: %s",
                  request->method, request->path,
                  known ? "no such method here" : "no such route");
    } else {
        check_body(request);
    }
    request->refused = request->response != NULL;
}

static void take_body(http_request *request, const char *data, size_t n) {
    request->n_received += n;
    const double seconds = clock_now() - request->start;
    if (request->response != NULL || request->failed) return; /* dropped */
    if (seconds > SLOW_AFTER_S &&
        (double)request->n_received < (seconds - SLOW_AFTER_S) * SLOW_BYTES_PER_S) {
        http_fail(request, 408, NULL, NULL, "the body comes too slowly");
    } else if (request->form != NULL) {
        if (MHD_post_process(request->form, data, n) != MHD_YES) request->failed = true;
    } else {
        text_add(&request->body, data, n);
        if (request->body.failed) {
            http_fail(request, 413, NULL, NULL, "the body is larger than %llu bytes",
                      (unsigned long long)request->server->options.body_bytes_max);
        }
    }
}

static void end_body(http_request *request) {
    if (request->form != NULL) {
        struct MHD_PostProcessor *form = request->form;
        request->form = NULL;
        if (MHD_destroy_post_processor(form) != MHD_YES) request->failed = true;
    }
    if (request->fd >= 0 && close(request->fd) != 0) request->failed = true;
    request->fd = -1;
    if (request->failed && request->response == NULL) {
        http_fail(request, 400, NULL, NULL, "the form is malformed, or ends too early");
    }
}

static enum MHD_Result queue_reply(http_request *request) {
    if (request->response == NULL) {
        http_reply_static(request, 500, "application/json", failure, sizeof failure - 1);
    }
    if (request->response == NULL) return MHD_NO;
    return MHD_queue_response(request->connection, (unsigned)request->status, request->response);
}

static void mark(http_server *server, struct MHD_Connection *connection, bool in_request) {
    pthread_mutex_lock(&server->lock);
    for (connection_entry *entry = server->connections; entry != NULL; entry = entry->next) {
        if (entry->connection != connection) continue;
        entry->in_request = in_request;
        entry->since = clock_now();
    }
    pthread_mutex_unlock(&server->lock);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
                                  const char *url, const char *method, const char *version,
                                  const char *data, size_t *n_data, void **state) {
    (void)version;
    http_request *request = *state;
    if (request == NULL) {
        request = new_request(context, connection, method, url);
        if (request == NULL) return MHD_NO;
        *state = request;
        mark(context, connection, true);
        begin_request(request);
        const char *length = http_header(request, "Content-Length");
        unsigned long long n = 0;
        const bool large = length == NULL || sscanf(length, "%llu", &n) != 1 ||
                           n > DROPPED_BODY_MAX;
        const bool waits = http_header(request, "Expect") != NULL;
        if (request->refused && has_body(request) && (large || waits)) return queue_reply(request);
        return MHD_YES;
    }
    if (*n_data > 0) {
        take_body(request, data, *n_data);
        *n_data = 0;
        const bool over = request->response != NULL || request->failed;
        return over && request->n_received > DROPPED_BODY_MAX ? MHD_NO : MHD_YES;
    }
    end_body(request);
    if (request->response == NULL) {
        request->route->handle(request->server->options.app, request);
    }
    return queue_reply(request);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode how) {
    http_server *server = context;
    http_request *request = *state;
    mark(server, connection, false);
    if (request == NULL) return;
    *state = NULL;
    if (request->uploading) {
        pthread_mutex_lock(&server->lock);
        server->n_uploads--;
        pthread_mutex_unlock(&server->lock);
    }
    const int status = how == MHD_REQUEST_TERMINATED_COMPLETED_OK ? request->status : 499;
    if (server->options.done != NULL) {
        server->options.done(server->options.app, request, status, clock_now() - request->start);
    }
    free_request(request);
}

/* ---- Connections --------------------------------------------------------------------------- */

static void add_connection(http_server *server, struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    connection_entry *entry = heap_new(sizeof *entry);
    pthread_mutex_lock(&server->lock);
    server->n_connections++;
    if (entry != NULL && info != NULL) {
        *entry = (connection_entry){connection, info->connect_fd, clock_now(), false,
                                    server->connections};
        server->connections = entry;
        entry = NULL;
    }
    pthread_mutex_unlock(&server->lock);
    heap_free(entry);
}

static void remove_connection(http_server *server, struct MHD_Connection *connection) {
    connection_entry *found = NULL;
    pthread_mutex_lock(&server->lock);
    server->n_connections--;
    for (connection_entry **at = &server->connections; *at != NULL; at = &(*at)->next) {
        if ((*at)->connection != connection) continue;
        found = *at;
        *at = found->next;
        break;
    }
    pthread_mutex_unlock(&server->lock);
    heap_free(found);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode what) {
    (void)state;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) add_connection(context, connection);
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) remove_connection(context, connection);
}

static void *reap(void *context) {
    http_server *server = context;
    pthread_mutex_lock(&server->lock);
    while (!server->stop) {
        struct timespec until = clock_after(REAPER_NANOSECONDS);
        pthread_cond_timedwait(&server->changed, &server->lock, &until);
        const double now = clock_now();
        for (connection_entry *entry = server->connections; entry != NULL; entry = entry->next) {
            if (entry->in_request || now - entry->since < server->options.header_s) continue;
            socket_shut(entry->fd);
        }
    }
    pthread_mutex_unlock(&server->lock);
    return NULL;
}

/* ---- The server ---------------------------------------------------------------------------- */

static am_status start_daemon(http_server *server, am_error *error) {
    const http_options *options = &server->options;
    socket_endpoint endpoint;
    REPORT_TRY(socket_resolve(options->host, options->port, &endpoint, error));
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL;
    if (endpoint.is_ipv6) flags |= MHD_USE_IPv6;
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
    if (errno != 0) {
        return report_fail_errno(error, errno, "%s port %d", options->host, options->port);
    }
    return report_fail(error, AM_E_SYSTEM, "%s port %d: cannot listen", options->host,
                       options->port);
}

am_status http_start(const http_options *options, http_server **server, am_error *error) {
    http_server *fresh = heap_new(sizeof *fresh);
    if (fresh == NULL) return report_fail(error, AM_E_MEMORY, "the server");
    fresh->options = *options;
    pthread_mutex_init(&fresh->lock, NULL);
    pthread_cond_init(&fresh->changed, NULL);
    am_status status = start_daemon(fresh, error);
    if (status == AM_OK) {
        fresh->reaping = pthread_create(&fresh->reaper, NULL, reap, fresh) == 0;
        if (!fresh->reaping) status = report_fail(error, AM_E_SYSTEM, "no thread");
    }
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
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info != NULL ? (int)info->num_connections : 0;
}

void http_stop(http_server **server) {
    http_server *old = *server;
    if (old == NULL) return;
    if (old->reaping) {
        pthread_mutex_lock(&old->lock);
        old->stop = true;
        pthread_cond_signal(&old->changed);
        pthread_mutex_unlock(&old->lock);
        pthread_join(old->reaper, NULL);
    }
    if (old->daemon != NULL) MHD_stop_daemon(old->daemon);
    pthread_cond_destroy(&old->changed);
    pthread_mutex_destroy(&old->lock);
    heap_free(old);
    *server = NULL;
}
