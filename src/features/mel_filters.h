/*
 * Slaney's mel filter bank over the 201 bins of a 400-point spectrum at 16 kHz, area-normalised:
 * librosa.filters.mel's numbers. Each band is a triangle, so only its own bins are stored.
 */
#ifndef AM_FEATURES_MEL_FILTERS_H
#define AM_FEATURES_MEL_FILTERS_H

typedef struct am_mel_band {
    short first_bin;
    short n_bins;
} am_mel_band;

typedef struct am_mel_bank {
    int n_mels;
    const am_mel_band *bands; /* [n_mels] */
    const float *weights;     /* of all bands, one after another */
} am_mel_bank;

extern const am_mel_bank am__mel_bank_80;
extern const am_mel_bank am__mel_bank_128;

#endif
