"""One module for each kind of question; `cli` names the commands."""
