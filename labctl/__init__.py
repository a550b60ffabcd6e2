"""labctl: runs anode-free cycling protocols on whatever instrument is on the bench."""
