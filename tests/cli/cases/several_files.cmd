# several lines: the first and the third fail, the second and the fourth are written; the first failing code is the exit code.
amanuensis --model "$MODEL" $FAST -f txt,tsv nothing.wav "$IN/tone.wav" "$IN/empty.wav" "$IN/tone.mp3"
