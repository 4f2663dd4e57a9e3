"""Outliers: training images that don't belong to their class. Found, left out, let back in (REPORT.md section 1)."""
