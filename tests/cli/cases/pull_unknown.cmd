amanuensis pull huge.xx
