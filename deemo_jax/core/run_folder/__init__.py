"""The folder of a run: its paths and records, checkpoints, the lock of one run at a time, and beginning anew."""
