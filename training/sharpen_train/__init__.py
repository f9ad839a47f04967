"""Train, evaluate and export the networks that Sharpened Camera runs. The only package that imports torch."""
