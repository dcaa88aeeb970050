amanuensis --audio_ctx half "$IN/tone.wav"
