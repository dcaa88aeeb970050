amanuensis pull tiny.en --beam_size 2
