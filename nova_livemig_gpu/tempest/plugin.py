"""What Tempest asks a plugin for."""

from pathlib import Path
from typing import Any

from tempest.test_discover import plugins

import nova_livemig_gpu
from nova_livemig_gpu.tempest import options


class LivemigGpuPlugin(plugins.TempestPlugin):
    """Our tests, and ``[livemig_gpu]`` of tempest.conf."""

    def load_tests(self) -> tuple[str, str]:
        """Return the directory of the tests, and the one to import from."""
        package = Path(nova_livemig_gpu.__file__).resolve().parent
        return str(package / "tempest" / "tests"), str(package.parent)

    def register_opts(self, conf: Any) -> None:
        """Register our options."""
        conf.register_group(options.GROUP)
        conf.register_opts(options.OPTS, group=options.GROUP)

    def get_opt_lists(self) -> list[tuple[str, list[Any]]]:
        """Return our options for Tempest's sample configuration."""
        return [(options.GROUP.name, options.OPTS)]
