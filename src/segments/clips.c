/* clip_timestamps: see clips.h. */
#include "segments/clips.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/number.h"
#include "features/mel.h"

#define SECONDS_MAX 1e9

static am_status parse_time(const char *text, const char **at, size_t *frame, am_error *error) {
    const char *end = *at;
    double seconds = 0;
    if (!am__read_double(&end, 0, SECONDS_MAX, &seconds)) {
        AM_FAIL(error, AM_E_ARG, "clip_timestamps: \"%s\" is not a list of seconds", text);
    }
    while (isspace((unsigned char)*end)) end++;
    if (*end == ',' && end[1] != '\0') {
        end++;
    } else if (*end != '\0') {
        AM_FAIL(error, AM_E_ARG, "clip_timestamps: \"%s\" is not a list of seconds", text);
    }
    *frame = (size_t)rint(seconds * AM_FRAMES_PER_SECOND);
    *at = end;
    return AM_OK;
}

am_status am__clips_parse(const char *text, am_clips *clips, am_error *error) {
    if (text == NULL || *text == '\0') text = "0";
    const size_t n_max = strlen(text) / 2 + 1; /* a time takes two characters at least */
    am_clips fresh = {0};
    AM_TRY(AM_NEW(&fresh.clips, n_max, error));
    size_t last = 0;
    am_status status = AM_OK;
    for (const char *at = text; *at != '\0';) {
        am_clip clip = {0, SIZE_MAX};
        AM_TRY_DONE(parse_time(text, &at, &clip.first, error));
        if (*at != '\0') AM_TRY_DONE(parse_time(text, &at, &clip.end, error));
        if (clip.first < last || clip.end < clip.first) {
            status = am__fail(error, AM_E_ARG, "clip_timestamps: the times of \"%s\" fall", text);
            goto done;
        }
        last = clip.end;
        fresh.clips[fresh.n++] = clip;
    }
    *clips = fresh;
    return AM_OK;
done:
    am__clips_free(&fresh);
    return status;
}

void am__clips_free(am_clips *clips) {
    am__free(clips->clips);
    *clips = (am_clips){0};
}
