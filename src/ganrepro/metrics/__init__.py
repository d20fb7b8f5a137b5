"""Scores of generated images as torchmetrics classes."""
