"""A run as pictures for a paper and one page that carries them; needs the extra `report`."""
