"""One HTML page of an evaluation: tables, calibration, groups of people, and every clip; it needs no server."""
