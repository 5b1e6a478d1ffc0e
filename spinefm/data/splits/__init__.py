"""Dividing films among train, val and test: as published, else by patient."""
