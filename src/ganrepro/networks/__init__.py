"""Networks only: no losses, no optimizers, no data."""
