"""Where things lie on a film: centroids, masks, patches, and the frames that networks want."""
