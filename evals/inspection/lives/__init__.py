"""Lives to watch and to play: the exact plan of a life, followed tick by tick across its episodes."""
