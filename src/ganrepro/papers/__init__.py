"""One file a paper; each reads like the paper's algorithm box."""
