"""The workbench: the browser's side of hostler. A surface; it knows neither the gateway nor the command line."""
