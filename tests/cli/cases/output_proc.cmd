amanuensis --model "$MODEL" "$IN/tone.wav" -o /proc/no/such
