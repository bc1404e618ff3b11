"""Leaks that would make a figure flatter: each check is one file, and tells what it looked at, also where it found nothing."""
