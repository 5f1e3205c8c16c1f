"""What a resource reports: conditions, diagnoses of pods, and the writer of the status."""
