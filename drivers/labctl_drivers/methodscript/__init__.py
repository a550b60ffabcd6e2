"""MethodSCRIPT, the language of PalmSens' instruments: scripts out, streamed packages in.

Wire facts: instruments.md §4, from PalmSens' published examples (PalmSens/MethodSCRIPT_Examples)
and second-hand from the MethodSCRIPT manual 1.8.
"""
