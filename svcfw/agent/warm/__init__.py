"""The warm process and its forked children, in which modules run. On targets, in processes of their own."""
