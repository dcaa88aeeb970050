cp -r "$MODEL" cut && head -c 100000 "$MODEL/model.bin" > cut/model.bin
amanuensis --model cut "$IN/tone.wav" -f srt
code=$?
rm -r cut
exit $code
