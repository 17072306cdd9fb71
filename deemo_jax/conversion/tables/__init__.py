"""Which public tensor fills which of our parameters: the rules, and the tables of shared parts."""
