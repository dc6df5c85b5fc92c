"""Update the index: plan a run, analyse photos in worker processes, store the results."""
