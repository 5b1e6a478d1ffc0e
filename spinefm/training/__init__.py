"""Training one component: its films, its run record and its published checkpoint."""
