/*
 * The data shared between projects (models, golden outputs, real speech): $AMANUENSIS_SHARED, or
 * the folder "shared" beside the source tree. It is not part of the source.
 */
#ifndef AM_TESTS_SUPPORT_SHARED_H
#define AM_TESTS_SUPPORT_SHARED_H

/* Path of a shared file, in a buffer that the next call reuses; NULL when it is absent, which is
 * said on stdout. Where $CI is "true" an absent file ends the program with a failure instead. */
const char *shared_path(const char *name);

#endif
