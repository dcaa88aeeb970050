/* Finds a file of the page by its name; the table is page_files.c of the build. */
#include <string.h>

#include "server/page/page.h"

const page_file *page_find(const char *path) {
    size_t low = 0, high = n_page_files;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(path, page_files[middle].path);
        if (order == 0)
            return &page_files[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
