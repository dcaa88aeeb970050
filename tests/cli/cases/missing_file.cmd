amanuensis --model "$MODEL" --vad_filter False nothing.wav
