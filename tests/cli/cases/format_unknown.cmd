amanuensis "$IN/tone.wav" -f doc
