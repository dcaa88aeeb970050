# A byte of the panels is not seen when the model is opened, and is when it is checked.
amanuensis quantize "$MODEL" model.amn
printf '\377\377\377\377' | dd of=model.amn bs=1 seek=1000000 conv=notrunc status=none
amanuensis quantize --check model.amn
code=$?
rm model.amn
exit $code
