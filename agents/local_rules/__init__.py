"""The rule-learning model-based agent: decision trees over local contexts."""
