"""The scenario library (YAML files in folders by family) and the scenario language that it is written in."""
