"""Search on what `deep` learned, and the plan that is made of a search."""
