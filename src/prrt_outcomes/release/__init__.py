"""A folder of results that may leave the registry: aggregate only, small counts suppressed."""
