"""The chance of an order once an item is clicked: a factor model of the clicked rows, and what corrects it."""
