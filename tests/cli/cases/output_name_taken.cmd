# A folder stands where the file should go: nothing else is left.
mkdir -p out/tone.srt
amanuensis --model "$MODEL" $FAST "$IN/tone.wav" -f srt -o out
