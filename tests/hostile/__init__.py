"""What hostile targets do, and what becomes of everybody else meanwhile."""
