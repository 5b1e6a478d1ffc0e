"""Angles of a spine seen from the front, from the four sides of its vertebrae's masks.

Corners are (4, 2) as (x, y), pixels of the film, in the order upper left, upper right, lower left, lower right: left and right as
seen on the film, up towards the head along the spine. Angles are degrees.
"""
