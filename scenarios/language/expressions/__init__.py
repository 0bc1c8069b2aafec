"""The expression languages of guards, effects, measures and regimes: syntax, parser and constant evaluation."""
