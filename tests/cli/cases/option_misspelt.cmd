amanuensis --model "$MODEL" "$IN/tone.wav" --beam-sise 2
