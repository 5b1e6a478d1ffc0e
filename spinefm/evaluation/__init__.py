"""How good a pipeline is: matching, metrics, and the files a person reads afterwards."""
