"""Scores of generated images as torchmetrics classes.

Whoever computes one in training gives it sync_on_compute=False: several ranks may train (ganrepro.ddp), of which one
evaluates, and torchmetrics would wait for the others' share.
"""
