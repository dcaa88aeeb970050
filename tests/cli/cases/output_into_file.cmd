amanuensis --model "$MODEL" "$IN/tone.wav" -o "$IN/tone.mp3"
