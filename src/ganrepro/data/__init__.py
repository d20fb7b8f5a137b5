"""Image sets held in memory as uint8: `images` is the interface, the other modules read one source each."""
