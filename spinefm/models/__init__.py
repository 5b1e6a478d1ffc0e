"""Networks: plain `nn.Module`s that know neither Lightning nor Hydra."""
