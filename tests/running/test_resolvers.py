"""What conf/ may call."""

from omegaconf import OmegaConf

from spinefm.running.resolvers import register_resolvers, short_hash


def test_names_are_made_of_what_was_chosen():
    register_resolvers()
    config = OmegaConf.create({"none": None, "a": "${joined:one,${none},seed${number}}", "b": "${first:${none},${number}}", "number": 3})
    assert config.a == "one-seed3" and config.b == 3


def test_a_hash_does_not_depend_on_the_order():
    register_resolvers()
    assert short_hash(["a=1", "b=2"]) == short_hash(["b=2", "a=1"]) != short_hash(["a=1", "b=3"])
    config = OmegaConf.create({"texts": ["b=2", "a=1"], "hash": "${short_hash:${texts}}"})
    assert config.hash == short_hash(["a=1", "b=2"]) and len(config.hash) == 6
