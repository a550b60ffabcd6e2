"""Ways to reach a simulated instrument from outside the process."""
