"""Our presets bear the names of Hydra's own plugins, which may be installed as well."""

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.plugins.search_path_plugin import SearchPathPlugin


class OwnPresets(SearchPathPlugin):
    """Hydra validates a file against a plugin's configuration of the same name, and ours are for other classes. So the
    plugin's is dropped where the application has a file for a launcher of ours.
    """

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        plugins = ConfigStore.instance().repo.get("hydra", {}).get("launcher", {})
        for place in search_path.get_path():
            for file in Path(place.path.removeprefix("file://"), "hydra", "launcher").glob("*.yaml"):
                if __package__ in file.read_text():
                    plugins.pop(file.name, None)
