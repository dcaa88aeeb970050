amanuensis --model "$MODEL" "$IN/tone.wav" --threads=2x
