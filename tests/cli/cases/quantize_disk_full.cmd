# A limit on file sizes is to write what a full disk is; nothing is left.
ulimit -f 100
amanuensis quantize "$MODEL" model.amn
