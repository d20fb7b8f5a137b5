"""Near-duplicates among images by semantic hashing (Radford et al. 2016, section 4.1.1)."""
