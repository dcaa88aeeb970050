/*
 * Bytes from outside as a request over a real socket: raw, or as the body of a form whose head is
 * sound, whole, in pieces or in chunks. Any answer is right, or none; the handler checks what it is
 * given, and nothing may stay behind: no connection, no file in the spool.
 *
 * The first byte says how the rest is sent.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz/fuzz.h"
#include "server/http/http.h"
#include "server/base/socket.h"
#include "server/base/wall_clock.h"

#define BOUNDARY "fuzz-boundary"
#define WAIT_S 30 /* sanitizers on a busy machine */

enum { RAW, FORM_WHOLE, FORM_PIECES, FORM_CHUNKS, URLENCODED, N_WAYS };

static char spool[] = "/tmp/amanuensis-fuzz-XXXXXX";
static http_server *server;

static void require(bool holds) {
    if (!holds) abort();
}

/* Everything that a handler may look at. */
static void handle(void *context, http_request *request) {
    (void)context;
    size_t n = 0;
    for (const http_field *field = http_fields(request); field != NULL; field = field->next) {
        require(field->name != NULL && field->value != NULL && field->value[field->n] == '\0');
    }
    for (const http_file *file = http_files(request); file != NULL; file = file->next) {
        struct stat found;
        require(stat(file->path, &found) == 0 && (uint64_t)found.st_size == file->n_bytes);
        require(strchr(file->filename, '/') == NULL);
    }
    require(http_body(request, &n)[n] == '\0');
    http_reply_static(request, 200, "text/plain", "ok\n", 3);
}

static const http_route table[] = {
    {"GET", "/", 0, handle, NULL, NULL, NULL},
    {"POST", "/form", HTTP_FORM | HTTP_FILES | HTTP_JSON, handle, NULL, NULL, NULL},
    {"POST", "/fields/{id}", HTTP_FORM, handle, NULL, NULL, NULL},
    {"PUT", "/rest/{*}", HTTP_JSON, handle, NULL, NULL, NULL},
};

static void start(void) {
    am_error error;
    require(mkdtemp(spool) != NULL);
    const http_options options = {
        .host = "127.0.0.1", .n_connections_max = 64, .n_uploads_max = 8,
        .upload_bytes_max = 1 << 16, .body_bytes_max = 1 << 16, .n_fields_max = 16, .idle_s = 5,
        .header_s = 5, .spool_dir = spool, .routes = table,
        .n_routes = sizeof table / sizeof table[0],
    };
    require(http_start(&options, &server, &error) == AM_OK);
}

static int connect_to_it(void) {
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)http_port(server)),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    require(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* The server may end the connection at any moment. */
static void say(int fd, const void *bytes, size_t n) {
    const char *at = bytes;
    while (n > 0) {
        const ssize_t n_sent = send(fd, at, n, MSG_NOSIGNAL);
        if (n_sent <= 0) return;
        at += n_sent;
        n -= (size_t)n_sent;
    }
}

static void say_text(int fd, const char *text) {
    say(fd, text, strlen(text));
}

static void say_head(int fd, const char *type, const char *length) {
    char head[256];
    snprintf(head, sizeof head,
             "POST /form HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: %s\r\n"
             "%s\r\n\r\n", type, length);
    say_text(fd, head);
}

static void send_input(int fd, unsigned how, const uint8_t *bytes, size_t n) {
    static const char type[] = "multipart/form-data; boundary=" BOUNDARY;
    char length[64];
    const size_t piece = 1 + how / N_WAYS;
    snprintf(length, sizeof length, "Content-Length: %zu", n);
    switch (how % N_WAYS) {
    case FORM_WHOLE:
        say_head(fd, type, length);
        say(fd, bytes, n);
        break;
    case FORM_PIECES: /* each a segment of its own: the parser sees every place to be cut at */
        say_head(fd, type, length);
        for (size_t at = 0; at < n; at += piece) {
            say(fd, bytes + at, n - at < piece ? n - at : piece);
        }
        break;
    case FORM_CHUNKS:
        say_head(fd, type, "Transfer-Encoding: chunked");
        for (size_t at = 0; at < n; at += piece) {
            const size_t n_chunk = n - at < piece ? n - at : piece;
            snprintf(length, sizeof length, "%zx\r\n", n_chunk);
            say_text(fd, length);
            say(fd, bytes + at, n_chunk);
            say_text(fd, "\r\n");
        }
        say_text(fd, "0\r\n\r\n");
        break;
    case URLENCODED:
        say_head(fd, "application/x-www-form-urlencoded", length);
        say(fd, bytes, n);
        break;
    default: say(fd, bytes, n);
    }
}

/* Reads to the end; what comes first is an answer, if anything is. */
static void hear(int fd) {
    char reply[4096];
    size_t n_all = 0;
    ssize_t n = 0;
    while ((n = recv(fd, reply, sizeof reply, 0)) > 0) {
        require(n_all > 0 || n < 5 || memcmp(reply, "HTTP/", 5) == 0);
        n_all += (size_t)n;
    }
}

static int count_spooled(void) {
    int n = 0;
    DIR *dir = opendir(spool);
    require(dir != NULL);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        n += entry->d_name[0] != '.';
    }
    closedir(dir);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    if (server == NULL) start();
    if (n_bytes == 0) return 0;
    const int fd = connect_to_it();
    send_input(fd, bytes[0], bytes + 1, n_bytes - 1);
    (void)shutdown(fd, SHUT_WR);
    hear(fd);
    close(fd);
    const double until = clock_now() + WAIT_S;
    while (http_n_connections(server) > 0) {
        require(clock_now() < until);
        const struct timespec moment = {0, 100000};
        nanosleep(&moment, NULL);
    }
    require(count_spooled() == 0);
    return 0;
}

__attribute__((destructor)) static void end(void) {
    http_stop(&server);
    (void)rmdir(spool);
}
