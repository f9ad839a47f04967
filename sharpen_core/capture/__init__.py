"""Where frames come from: cameras, clips and the built-in test chart."""
