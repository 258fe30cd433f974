"""What every view of the page is made of: parts, address, language, and long work."""
