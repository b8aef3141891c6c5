"""Links to contexts of other accounts, on which only what the controller has sealed counts. Loaded for these alone."""
