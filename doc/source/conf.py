"""Sphinx: ``tests/run docs`` builds this documentation."""

from importlib import metadata

extensions = [
    "sphinx.ext.autodoc",
    "oslo_config.sphinxext",
    "reno.sphinxext",
    "openstackdocstheme",
]
project = "nova-livemig-gpu"
copyright = "nova-livemig-gpu developers"
release = version = metadata.version("nova-livemig-gpu")
master_doc = "index"
html_theme = "openstackdocs"
openstackdocs_auto_name = False
openstackdocs_auto_version = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
