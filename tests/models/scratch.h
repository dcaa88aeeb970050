/* A folder for the files a test program makes, removed with all that is in it at the end. */
#ifndef AM_TESTS_MODELS_SCRATCH_H
#define AM_TESTS_MODELS_SCRATCH_H

#include <stddef.h>

/* A path in the folder, which the first call makes. */
void scratch_path(const char *name, char *path, size_t size);
void scratch_clean(void);              /* removes what is in the folder */
int scratch_teardown(void **state);    /* and the folder itself; a cmocka group teardown */

#endif
