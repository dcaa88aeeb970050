/* Models by name: where an installed one is. The rest of the room is behind amanuensis.h. */
#ifndef AM_HUB_HUB_H
#define AM_HUB_HUB_H

#include "base/path.h"
#include "hub/catalogue.h"

/*
 * The file or folder to open for what a user called a model: an existing path, else an installed
 * model of that name below models_dir (NULL = default). E_NOT_FOUND says how to pull it.
 */
AM_CHECK_RESULT am_status am__hub_resolve(const char *name_or_path, const char *models_dir,
                                          char *path, size_t size, am_error *error);

/*
 * Where the speech detector's weights are: installed below models_dir (NULL = default) or beside
 * `model`, or as a file beside it. False when in none of these places.
 */
bool am__hub_find_vad(const char *models_dir, const char *model, char *path, size_t size);

/* am_model_pull of an entry that need not be in the catalogue. */
AM_CHECK_RESULT am_status am__pull_entry(const am_hub_entry *entry,
                                         const am_pull_options *options, am_error *error);

/* Folder of an entry below models_dir (NULL = default), and whether all its files are there. */
AM_CHECK_RESULT am_status am__entry_folder(const am_hub_entry *entry, const char *models_dir,
                                           char *path, size_t size, am_error *error);
bool am__entry_installed(const am_hub_entry *entry, const char *folder);
AM_CHECK_RESULT am_status am__hub_folder(const char *models_dir, char *path, size_t size,
                                         am_error *error);

#endif
