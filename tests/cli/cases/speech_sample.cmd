# needs: pulled sample
amanuensis --model "$PULLED" --beam_size 1 --language en "$SAMPLE"
