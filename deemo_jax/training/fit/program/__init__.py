"""What a traced or compiled program computes, keeps in memory, and sends."""
