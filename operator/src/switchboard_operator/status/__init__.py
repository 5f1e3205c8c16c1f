"""Reporting: conditions, diagnoses of pods, wording, and the status writer."""
