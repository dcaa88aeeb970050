/* The web page, and what documents share: see document.h. */
#include "server/answers/document.h"

#include <stdio.h>
#include <string.h>

static const char style[] =
    ":root{color-scheme:light dark}"
    "body{font:1.1em/1.6 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em}"
    "p{display:flex;gap:1em;margin:.4em 0}"
    "time{flex:none;width:4.5em;text-align:right;opacity:.6;font-variant-numeric:tabular-nums}"
    "b{margin-right:.4em}"
    "span[title]:hover{background:Highlight;color:HighlightText}"
    "@media print{time{opacity:1}}";

void document_escape(text *out, const char *string) {
    for (const char *at = string; *at != '\0'; at++) {
        const unsigned char c = (unsigned char)*at;
        switch (c) {
        case '&': text_add_string(out, "&amp;"); break;
        case '<': text_add_string(out, "&lt;"); break;
        case '>': text_add_string(out, "&gt;"); break;
        case '"': text_add_string(out, "&quot;"); break;
        default:
            if (c >= ' ' || c == '\t' || c == '\n') text_add(out, at, 1);
        }
    }
}

void document_time(double s, char time[32]) {
    const long whole = s > 0 && s < 1e8 ? (long)s : 0;
    snprintf(time, 32, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
}

static void add_words(text *out, const am_segment *segment) {
    for (size_t i = 0; i < segment->n_words; i++) {
        const am_word *word = &segment->words[i];
        const size_t n_blanks = strspn(word->text, " ");
        if (n_blanks > 0 && i > 0) text_add_string(out, " ");
        text_print(out, "<span title=\"%.2f–%.2f s\" data-start=\"%.3f\" data-end=\"%.3f\">",
                   word->start, word->end, word->start, word->end);
        document_escape(out, word->text + n_blanks);
        text_add_string(out, "</span>");
    }
}

static void add_segment(text *out, const am_segment *segment) {
    char time[32];
    document_time(segment->start, time);
    text_print(out, "<p id=\"s%d\" data-start=\"%.3f\" data-end=\"%.3f\"><time>%s</time><span>",
               segment->id, segment->start, segment->end, time);
    if (segment->speaker != NULL) {
        text_add_string(out, "<b>");
        document_escape(out, segment->speaker);
        text_add_string(out, "</b>");
    }
    if (segment->n_words > 0) {
        add_words(out, segment);
    } else {
        document_escape(out, segment->text + strspn(segment->text, " "));
    }
    text_add_string(out, "</span></p>\n");
}

void document_html(const am_result *result, text *out) {
    size_t n = 0;
    char time[32];
    const am_segment *segments = am_result_segments(result, &n);
    document_time(am_result_duration(result), time);
    text_add_string(out, "<!DOCTYPE html>\n<html lang=\"");
    document_escape(out, am_result_task(result) == AM_TASK_TRANSLATE ? "en"
                                                                     : am_result_language(result));
    text_print(out, "\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
               "content=\"width=device-width\">\n<title>Transcript, %s</title>\n"
               "<style>%s</style>\n</head>\n<body>\n", time, style);
    for (size_t i = 0; i < n; i++) add_segment(out, &segments[i]);
    text_add_string(out, "</body>\n</html>\n");
}
