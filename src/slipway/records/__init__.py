"""Typed values of the files that stages write for Git: verdicts, the release record, the benchmark."""
