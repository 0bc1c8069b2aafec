"""The agent `deep`: learned value functions, a policy prior and search on a network model, without any table."""
