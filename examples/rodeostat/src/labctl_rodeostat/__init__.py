"""IO Rodeo's Rodeostat for labctl: the worked example of `docs/write-a-driver.md`."""
