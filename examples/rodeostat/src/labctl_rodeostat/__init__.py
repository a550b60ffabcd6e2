"""IO Rodeo's Rodeostat for labctl: an example of a distribution that plugs in."""
