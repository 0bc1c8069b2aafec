"""What an author is told: faults, their codes, and how they are collected."""
