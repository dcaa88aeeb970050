# The whole frames are transcribed.
amanuensis --model "$MODEL" $FAST "$IN/truncated.mp3" -f json
