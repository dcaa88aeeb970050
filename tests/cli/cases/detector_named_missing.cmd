amanuensis --model "$MODEL" --vad_model nowhere.bin "$IN/tone.wav"
