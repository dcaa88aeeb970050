/*
 * The web page. Its files are in the program; a browser keeps them and asks by ETag whether they
 * are still the same, so that a new version of the server is a new page at once.
 */
#include <string.h>

#include "server/page/page.h"
#include "server/handlers/route_page.h"

/* All of the page comes from here; blob: is what it plays when the recording needs a key. */
#define POLICY                                                                                     \
    "default-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; "            \
    "frame-ancestors 'none'"

/* If-None-Match (RFC 9110, 13.1.2) is a list of tags, perhaps weak, or "*". */
static bool is_known(const http_request *request, const char *etag) {
    const char *tags = http_header(request, "If-None-Match");
    return tags != NULL && (strcmp(tags, "*") == 0 || strstr(tags, etag) != NULL);
}

void handle_page(void *context, http_request *request) {
    (void)context;
    const char *name = http_part(request);
    const page_file *file = page_find(*name != '\0' ? name : "index.html");
    if (file == NULL) {
        http_fail(request, 404, "not_found", NULL, "the page has no file %s", name);
        return;
    }
    http_reply_header(request, "ETag", file->etag);
    http_reply_header(request, "Cache-Control", "no-cache");
    http_reply_header(request, "Content-Security-Policy", POLICY);
    http_reply_header(request, "X-Content-Type-Options", "nosniff");
    http_reply_header(request, "Referrer-Policy", "no-referrer");
    const bool known = is_known(request, file->etag);
    http_reply_static(request, known ? 304 : 200, file->type, file->bytes,
                      known ? 0 : file->n_bytes);
}
