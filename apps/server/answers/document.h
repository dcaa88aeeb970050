/* Results as documents for people: a web page and a file for word processors. */
#ifndef AM_SERVER_ANSWERS_DOCUMENT_H
#define AM_SERVER_ANSWERS_DOCUMENT_H

#include "server/base/text_buffer.h"

/* Appends a page that needs nothing beside it; words carry their times where there are any. */
void document_html(const am_result *result, text *out);
/* Appends a .docx file (ECMA-376, Office Open XML): a paragraph for each segment, its time first.
 * Errors: E_MEMORY, E_IO. */
AM_CHECK_RESULT am_status document_docx(const am_result *result, text *out, am_error *error);

/* Text inside of elements and attributes of HTML and XML; what neither may hold is left out. */
void document_escape(text *out, const char *string);
/* "1:02:03" */
void document_time(double s, char time[32]);

#endif
