"""The commands of `sharpen-train`, one module each; what is heavy they import when they are called."""
