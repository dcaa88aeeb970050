# needs: user
mkdir closed && chmod 555 closed
amanuensis --model "$MODEL" "$IN/tone.wav" -o closed
