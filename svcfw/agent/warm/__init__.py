"""The warm process and the children that it forks, one for each module run. On targets, in processes of their own."""
