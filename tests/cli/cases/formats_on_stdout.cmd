amanuensis "$IN/tone.wav" -f txt,srt -o -
