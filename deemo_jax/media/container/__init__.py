"""What a media file says of itself: its streams, how long they are promised to be, when pictures are shown."""
