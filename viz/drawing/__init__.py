"""The parts that every picture is drawn with: colours, a canvas, figures, boards."""
