"""Other people's files to a study that runs: each source proposes mappings, with the evidence for every line."""
