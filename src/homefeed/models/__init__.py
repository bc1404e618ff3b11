"""The mathematics: two-tower recall and DeepFM, in torch for training and in numpy for serving. No files, no stores."""
