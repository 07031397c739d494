"""Turn a raw folder into packed splits: splitting, checks, statistics, shards."""
