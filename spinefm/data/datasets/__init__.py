"""One file per data set, in its publisher's layout; `conf/dataset/<name>.yaml` builds it."""
