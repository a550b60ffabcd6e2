"""Reading runs back: what a journal says, for people and as JSON. Nothing here writes."""
