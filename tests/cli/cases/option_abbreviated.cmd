amanuensis --model "$MODEL" "$IN/tone.wav" --lang en
