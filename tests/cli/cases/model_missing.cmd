amanuensis --model no-such-model "$IN/tone.wav" -f srt
