"""Statistics of a judge: means with intervals, agreement with people, corrections by people, and preferences."""
