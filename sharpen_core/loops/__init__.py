"""What the pipeline's three threads do, a module each, and the belt between them."""
