"""Reading and writing media files with PyAV, in bounded memory."""
