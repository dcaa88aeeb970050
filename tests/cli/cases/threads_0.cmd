amanuensis --model "$MODEL" "$IN/tone.wav" --threads 0
