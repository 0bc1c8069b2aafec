"""The picture of the editor: a map that is painted, its tools, sliders, and what the edits come to."""
