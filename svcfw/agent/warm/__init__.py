"""The warm process and its forked children, one for each module run. On targets, in processes of their own."""
