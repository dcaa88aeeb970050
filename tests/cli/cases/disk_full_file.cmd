# A limit on file sizes is to write what a full disk is; the temporary file goes too.
ulimit -f 0
amanuensis --model "$MODEL" $FAST "$IN/tone.wav" -f json -o out
