"""Detection of faces: the network, how pictures are searched with it, and the first pass over a film."""
