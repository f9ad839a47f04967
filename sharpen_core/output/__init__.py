"""Where frames go: the virtual camera, a file, nowhere."""
