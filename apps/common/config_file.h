/*
 * Options from a file: lines NAME = VALUE with the names of the option table, in INI's form. `#`
 * and `;` begin comments, an indented line goes on with the value above it, and a section, if there
 * is one, is called [amanuensis].
 */
#ifndef AM_COMMON_CONFIG_FILE_H
#define AM_COMMON_CONFIG_FILE_H

#include "common/options.h"

#define CONFIG_FILE_DEFAULT "/etc/amanuensis.conf"

/*
 * Applies the file that opts->config names, else the default one if it is there, to all options
 * that are not given yet: by then flags and environment have been read. Values of options that
 * are given are checked too. Errors begin with FILE:LINE. The values live in *opts until
 * config_file_release.
 */
AM_CHECK_RESULT am_status config_file_apply(options *opts, unsigned verb, am_error *error);
void config_file_release(options *opts);

#endif
