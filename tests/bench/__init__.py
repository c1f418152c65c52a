"""Benchmarks of the road that every ticket takes, as ratios against a raw limit of the same run. `make bench` runs them."""
