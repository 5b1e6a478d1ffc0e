"""Reading films and their annotations: files, labels, corners, masks, tables, and which way round grey values are."""
