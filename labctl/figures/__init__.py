"""Figures of recordings: what columns of time, voltage and current say, whoever measured them.

Pure functions over plain columns; runs that labctl conducted have their figures from the engine,
which saw every reading. Rules: reference/science.md §4, reference/data_and_reliability.md §2.
"""
