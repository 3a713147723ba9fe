"""Login flows and the seam through which they ask the user."""
