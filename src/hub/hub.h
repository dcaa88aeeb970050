/*
 * Models by name: where they are installed, and (pull.c) where they come from. Knows files and
 * networks, not what is in a model.
 */
#ifndef AM_HUB_HUB_H
#define AM_HUB_HUB_H

#include "base/status.h"

#define AM_PATH_MAX 4096

/* The folder models live in: `models_dir`, or ~/.cache/amanuensis where it is NULL. */
AM_CHECK_RESULT am_status am__hub_folder(const char *models_dir, char *path, size_t capacity,
                                         am_error *error);

/*
 * The path of a model given by path or by name: what exists as a path wins, then a name in the
 * models folder. E_NOT_FOUND says how to get it.
 */
AM_CHECK_RESULT am_status am__hub_resolve(const char *model, const char *models_dir, char *path,
                                          size_t capacity, am_error *error);

#endif
