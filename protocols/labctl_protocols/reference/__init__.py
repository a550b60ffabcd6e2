"""The language as tables: what each verb, key and word takes and means, with an example.

The JSON Schemas that editors use and docs/language.md are made of these tables. Units, detectors,
rules, figures and the verbs' neighbours come from where the parser keeps them; tests compare the
rest with the parser, so that the three cannot drift apart.
"""
