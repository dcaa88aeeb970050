# needs: shared pulled
amanuensis --model "$PULLED" --language English --word-timestamps True -f all "$SHARED/audio/english/misc/jfk.flac"
cat jfk.srt jfk.tsv
