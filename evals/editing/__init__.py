"""What an edited scenario comes to: checked, solved, and compared with what it was."""
