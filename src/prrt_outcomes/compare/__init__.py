"""Two runs side by side: what changed in patients and numbers, and by what."""
