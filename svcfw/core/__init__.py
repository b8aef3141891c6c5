"""What runs in every context: the loop, the router, values and frames. Python 3.6, standard library only."""
