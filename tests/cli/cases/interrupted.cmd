# Ctrl-C in an endless input: what is done is kept.
cat /dev/zero | timeout --foreground --preserve-status -s INT 1 amanuensis --model "$MODEL" $FAST --raw s16le - -f srt -o out
