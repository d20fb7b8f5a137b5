"""Speed, each piece against a plain PyTorch loop written beside it, in one process and in turn: `make bench`."""
