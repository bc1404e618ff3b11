"""A Bayesian factorisation machine: tastes and appeals as normal distributions, each value as sure of itself as its rows allow."""
