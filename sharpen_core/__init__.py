"""The runtime of Sharpened Camera: capture, tiled inference, output. It knows neither Qt nor torch."""
