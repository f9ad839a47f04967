"""How good a network is: scores, slanted edges, flicker, cost, the report, and a survey among people."""
