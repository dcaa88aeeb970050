/* The web page inside the program: the files of apps/server/page, as tools/embed.py wrote them. */
#ifndef AM_SERVER_PAGE_PAGE_H
#define AM_SERVER_PAGE_PAGE_H

#include <stddef.h>

typedef struct page_file {
    const char *path; /* name in the folder, "index.html" */
    const char *type; /* of the content, with its charset */
    const char *etag; /* with its quotes: changes with the bytes */
    const unsigned char *bytes;
    size_t n_bytes;
} page_file;

/* The file of that name, valid for ever; NULL when there is none. Thread-safe. */
const page_file *page_find(const char *path);

/* The table itself, ordered by path; written at build time. */
extern const page_file page_files[];
extern const size_t n_page_files;

#endif
