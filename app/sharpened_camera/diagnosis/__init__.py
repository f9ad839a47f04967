"""`doctor`: each layer between the lens and the call on a line of its own, with its state and the fix.

    computer ──▶ a module for each layer ──▶ findings ──▶ report (words, JSON, exit code)
    files and    its table of kinds           of those     guide (docs/troubleshooting.md)
    questions    at its top                   kinds

A layer's kinds are all that it can say. Tests break exactly one layer at a time and read the line.
"""
