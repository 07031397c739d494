"""What the stages write for Git, as typed values: verdicts, the release record, the benchmark."""
