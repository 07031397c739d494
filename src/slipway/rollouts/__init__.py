"""A version gets more and more of the traffic, or is taken back: steps, rules, evidence, and the tags that say so."""
