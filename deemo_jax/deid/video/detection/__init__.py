"""Where faces are in pictures: the network, how pictures are shown to it, and the first pass over a film."""
