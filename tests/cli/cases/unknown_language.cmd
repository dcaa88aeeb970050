amanuensis --model "$MODEL" "$IN/tone.wav" --language klingon
