"""Cell records that labctl writes: of a batch from a lab's table, and of the cell after a run."""
