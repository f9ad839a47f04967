"""What is done with a frame when there is not the time for everything."""
