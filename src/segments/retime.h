/*
 * Times of a window to times of the recording: the window's pieces lie apart there, and what the
 * detector left out between them is nobody's speech.
 */
#ifndef AM_SEGMENTS_RETIME_H
#define AM_SEGMENTS_RETIME_H

#include "speech/windows.h"

/*
 * Moves a segment and its words [segment->n_words] (the ones it points to) from seconds of the
 * window to seconds of the recording. A word lies within the one piece that its middle is in; a
 * segment begins and ends with its words, if it has any, and may span several pieces. No time is
 * before `least` seconds: where the model's times go back, order is worth more than they are.
 */
void am__retime_segment(const am_window *window, double least, am_segment *segment,
                        am_word *words);

#endif
