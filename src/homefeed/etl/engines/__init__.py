"""Engines of the ETL: each reads raw files into clean tables and writes tables to files, nothing else."""
