amanuensis --model "$IN/wrong_dims" "$IN/tone.wav" -f srt
