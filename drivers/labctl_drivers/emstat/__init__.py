"""PalmSens' potentiostats: models, the scripts that drive a cell, and what comes of them."""
