"""What one sees: pictures, plots and reports of what happened."""
