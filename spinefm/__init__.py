"""SpineFM: segment and name every vertebra of a spine radiograph."""

__version__ = "0.1.0"
