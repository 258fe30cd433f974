"""A tick of the live state on its way to the browser, and the parts that draw what it says."""
