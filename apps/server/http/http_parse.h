/* The strings of HTTP that are parsed or made without the library: pure functions. */
#ifndef AM_SERVER_HTTP_HTTP_PARSE_H
#define AM_SERVER_HTTP_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_PART_BYTES 512
#define HTTP_ID_BYTES 129

/* A fresh id, or whether a client's may be used: printable, without quotes. */
void http_make_id(char id[HTTP_ID_BYTES]);
bool http_is_id(const char *id);

/* Whether the path is one of the pattern's (http_route.path); what {} or {*} stands for goes to
 * part. */
bool http_path_matches(const char *pattern, const char *path, char part[HTTP_PART_BYTES]);

/* The name without folders, whatever system the client runs. */
const char *http_base_name(const char *path);

/* Whether a part of a form is a file: clients that send a file without a name mean one too. */
bool http_is_file(const char *name, const char *filename);

/* "bytes=first-last" within n; false when it is none that can be served. */
bool http_parse_range(const char *range, uint64_t n, uint64_t *first, uint64_t *n_part);

#endif
