/* Where tests find shared data and keep files of their own. Include after cmocka.h. */
#ifndef AM_TESTS_MODELS_FILES_H
#define AM_TESTS_MODELS_FILES_H

#include <stddef.h>

/* A path below $AMANUENSIS_SHARED, or ../shared. When it is absent the test is skipped by name;
 * with CI=true it fails. Valid until the next call. */
const char *shared_path(const char *name);

/* A path in a fresh folder of this program. */
void scratch_path(const char *name, char *path, size_t size);
/* Removes what is in the scratch folder; the second also the folder, as a group teardown. */
void scratch_clean(void);
int scratch_teardown(void **state);

#endif
