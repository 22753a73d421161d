"""The plugin host: finds plugins, keeps a broken one from breaking the rest, and hands out components."""

from robustkit.host.catalog import Catalog, Entry
from robustkit.host.discover import Source
from robustkit.host.manager import Host, PluginRecord, load_host

__all__ = ["Catalog", "Entry", "Host", "PluginRecord", "Source", "load_host"]
