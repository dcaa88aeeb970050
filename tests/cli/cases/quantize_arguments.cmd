amanuensis quantize "$MODEL"
