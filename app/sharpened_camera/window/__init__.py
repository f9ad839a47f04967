"""The window: the preview, the controls around it, and what they tell the user."""
