"""Views over tables for notebooks and the dashboard: no queries or arithmetic of their own."""
