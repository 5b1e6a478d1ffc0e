"""What the scripts share while they run: how they end, their jobs and processes, films read ahead."""
