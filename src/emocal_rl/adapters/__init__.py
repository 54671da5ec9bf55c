"""One small module per framework that takes our rewards."""
