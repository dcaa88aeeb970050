amanuensis "$IN/tone.wav" --highlight_words True
