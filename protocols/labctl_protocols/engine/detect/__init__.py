"""What looks wrong with a cell, a contact or an instrument: one file for each family of rules.

A rule is a function of what was just seen and of a small memory; it gives the words for what it
found, or None. `watch` asks the rules and does what their policies say. Thresholds: science.md §5
and docs/decisions/0020-detectors.md.
"""
