"""Services that modules call: what a run offers its hosts, the process that serves it, and who may ask for what."""
