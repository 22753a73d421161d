"""What to evaluate, as a validated, frozen value: from TOML files, `--set`, shorthand and flags."""

from robustkit.config.schema import ModelConfig, RunConfig, parse_config
from robustkit.config.shorthand import parse_shorthand
from robustkit.config.toml import apply_setting, read_toml, write_toml

__all__ = ["ModelConfig", "RunConfig", "apply_setting", "parse_config", "parse_shorthand", "read_toml", "write_toml"]
