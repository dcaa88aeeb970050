amanuensis quantize "$MODEL" no/such/model.amn
