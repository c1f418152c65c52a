"""What intake decides, without input or output: reading, admission, sequences, and the folding of calls."""
