amanuensis trnscribe "$IN/tone.wav"
