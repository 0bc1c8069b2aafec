"""Enumerated worlds: the finite Markov decision process of a stage, its tables, and a lane to train on."""
