# needs: user
mkdir locked && chmod 555 locked
$AS_USER amanuensis quantize "$MODEL" locked/model.amn
code=$?
ls locked
rmdir locked
exit $code
