/*
 * The decoder of encoded audio: any container and codec FFmpeg has, out of an am_input.
 */
#ifndef AM_AUDIO_FFMPEG_H
#define AM_AUDIO_FFMPEG_H

#include "audio/input.h"
#include "audio/source.h"

/* Takes over *input, on failure too. `options` are checked already. */
AM_CHECK_RESULT am_status am__ffmpeg_open(const am_input *input, const am_audio_options *options,
                                          am_audio **audio, am_error *error);

#endif
