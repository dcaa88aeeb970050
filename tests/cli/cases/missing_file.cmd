amanuensis --model "$MODEL" nothing.wav
