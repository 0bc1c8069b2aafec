"""From a scenario to a World: one compiled stage, its boards, its parts and its randomness."""
