"""Hydra launchers for which a killed process costs its own job and no other.

Hydra's own plugins do not do that with hydra-core 1.3.8. hydra-joblib-launcher 1.2.0 has one pool for all jobs, and
loky ends every process of a pool that lost one. hydra-submitit-launcher 1.2.0 stops waiting at the first job that died,
and starts all local jobs at once. hydra-ray-launcher 1.2.2 cannot be installed beside cloudpickle 3. The settings have
the names that joblib, Ray and submitit give them.
"""
