"""Looks into a trained GAN: functions from images or latents to arrays."""
