"""What is written: the scenario library, in folders by family."""
