# needs: user
mkdir closed && chmod 555 closed
$AS_USER amanuensis --model "$MODEL" "$IN/tone.wav" -o closed
