"""From a trained run to a model that the program runs: the graph, the proofs that it is the same network, and its installation."""
