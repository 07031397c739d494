"""From a raw folder to packed splits: splitting, checks, statistics, shards."""
