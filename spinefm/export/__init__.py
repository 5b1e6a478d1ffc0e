"""What inference leaves behind, as files for other programs."""
