amanuensis version && amanuensis --version
