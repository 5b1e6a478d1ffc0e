"""Files that are whole or absent, and networks in them that are opened without executing anything."""
