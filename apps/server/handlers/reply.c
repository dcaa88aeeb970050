/* Replies: see reply.h. */
#include "server/handlers/reply.h"

#include "server/answers/body.h"

void reply_text(http_request *request, int status, const char *type, text *out) {
    size_t n = 0;
    char *bytes = text_take(out, &n);
    http_reply(request, status, type, bytes, n);
}

void reply_json(http_request *request, int status, json_t *json) {
    text out;
    text_init(&out, BODY_BYTES_MAX);
    body_dump(json, &out);
    reply_text(request, status, "application/json", &out);
}
