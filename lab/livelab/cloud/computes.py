# SPDX-License-Identifier: Apache-2.0
"""Switch the computes between stock Nova and the plugin, at run time."""

from livelab.cloud import conf, mode, services
from livelab.cloud.ini import Sections
from livelab.cloud.mode import Driver, Mode
from livelab.cloud.site import Site


def configure(
    driver: Driver = "stock",
    options: Sections | None = None,
    controller_options: Sections | None = None,
    *,
    site: Site | None = None,
) -> None:
    """As ``use``, with the same options for all computes."""
    use(
        Mode(driver, options or {}, controller_options or {}),
        site=site,
    )


def use(wanted: Mode, *, site: Site | None = None) -> None:
    """Rewrite Nova's files, restart what reads them, wait until it is up.

    Both computes always restart; API, scheduler and conductor only when
    their file changed. Options are laid over the computes' nova.conf,
    section by section; [livemig_gpu] goes to the controller as well.
    Nothing should be under way: tasks are not waited for. Raises LabError
    with the end of the log of whatever does not come up.
    """
    site = site or Site()
    conf.write_nova(site, wanted)
    mode.save(site.state, wanted)
    controllers = services.nova_controllers(site)
    controllers.append(services.nova_api(site))
    changed = [service for service in controllers if service.stale()]
    computes = services.nova_computes(site)
    services.stop(changed + computes)
    for service in changed + computes:
        service.ensure()
    # First those that the computes wait for: if one of them does not come
    # up, it is the one to hear about.
    services.wait(changed)
    services.wait(computes)
