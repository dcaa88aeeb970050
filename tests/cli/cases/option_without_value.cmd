amanuensis "$IN/tone.wav" --model
