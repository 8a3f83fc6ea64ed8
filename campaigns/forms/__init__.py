"""The forms of the campaign pages. A form cleans; the operations save."""
