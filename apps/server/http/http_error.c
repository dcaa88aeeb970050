/* Errors in OpenAI's shape: see http.h. */
#include <stdarg.h>
#include <stdio.h>

#include "server/http/http.h"
#include "server/base/text_buffer.h"

const char *http_error_type(int status) {
    if (status == 401) return "authentication_error";
    if (status == 403) return "permission_error";
    if (status == 429) return "rate_limit_error";
    return status >= 500 ? "server_error" : "invalid_request_error";
}

void http_fail(http_request *request, int status, const char *code, const char *param,
               const char *format, ...) {
    char message[640];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    text_mend_utf8(message);
    text out;
    text_init(&out, 8192);
    text_add_string(&out, "{\"error\": {\"message\": ");
    text_add_json(&out, message);
    text_print(&out, ", \"type\": \"%s\", \"param\": ", http_error_type(status));
    text_add_json(&out, param);
    text_add_string(&out, ", \"code\": ");
    text_add_json(&out, code);
    text_add_string(&out, "}}\n");
    size_t n = 0;
    char *bytes = text_take(&out, &n);
    http_reply(request, status, "application/json", bytes, n);
}

void http_fail_status(http_request *request, const am_error *error, const char *param) {
    const int status = am_status_http(error->status);
    if (status == 503) http_reply_header(request, "Retry-After", "5");
    http_fail(request, status, NULL, param, "%s%s%s", am_status_message(error->status),
              error->detail[0] != '\0' ? ": " : "", error->detail);
}
