"""MethodSCRIPT, the language of PalmSens instruments: read, checked, and run in steps."""
