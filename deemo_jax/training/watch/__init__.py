"""What watches over a run: where its time goes, whether it is stuck, and a trace of some steps."""
