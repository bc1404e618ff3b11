"""From raw values to numbers a model can use: one feature map, one encoder, one hotness, for training and serving alike."""
