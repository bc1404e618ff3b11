"""The request path: sources, filters, scorer, rerankers, slate. No torch, no data frames, no Flask."""
