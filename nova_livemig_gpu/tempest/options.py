"""``[livemig_gpu]`` of tempest.conf: what the cloud has.

Where an option says that the cloud lacks something, the tests that need it
are skipped, with the option's name.
"""

from oslo_config import cfg

GROUP = cfg.OptGroup(
    name="livemig_gpu",
    title="GPU-aware, budget-keeping live migration",
)

OPTS = [
    cfg.BoolOpt(
        "driver",
        default=True,
        help="""
Whether every nova-compute runs ``livemig_gpu.LibvirtDriver``.
""",
    ),
    cfg.BoolOpt(
        "filters",
        default=False,
        help="""
Whether the scheduler runs ``CPUCompatibilityFilter`` and
``VGPUCompatibilityFilter``.

Related options:

* ``incompatible_host``
""",
    ),
    cfg.StrOpt(
        "incompatible_host",
        default="",
        help="""
A compute host that is up and that the filters must refuse for a server of
``[compute] flavor_ref`` and ``image_ref``. Empty: there is none.

Related options:

* ``filters``
* ``incompatible_code``
""",
    ),
    cfg.StrOpt(
        "incompatible_code",
        default="cpu.",
        help="""
Why the filters refuse ``incompatible_host``: part of the code that the
reason in the server's event begins with.
""",
    ),
    cfg.StrOpt(
        "booted_pattern",
        default="login:",
        help="""
Regular expression that the console of a server shows once it has booted:
while it boots it has little memory, and its migration is over too soon. Empty:
do not wait.

Related options:

* ``slow_bandwidth_mbps``
""",
    ),
    cfg.IntOpt(
        "slow_bandwidth_mbps",
        default=16,
        min=1,
        help="""
Mbit/s to which migrations are held that the tests want to catch under way:
so few that the first pass over a server's memory takes at least ten seconds.
The server is of ``[compute] flavor_ref`` and ``image_ref``.

Related options:

* ``booted_pattern``
""",
    ),
    cfg.StrOpt(
        "busy_image_ref",
        default="",
        help="""
Image whose servers write at least 10 MiB of memory a second, over at least
16 MiB, from their boot on. Empty: there is none.
""",
    ),
    cfg.BoolOpt(
        "postcopy",
        default=False,
        help="""
Whether the hosts can do post-copy, and ``busy_image_ref`` is set.
""",
    ),
    cfg.IntOpt(
        "max_downtime_ms",
        default=500,
        min=10,
        help="""
Budget that servers must be migrated within here, milliseconds. Machines
under load, and those that emulate, need more than good ones.

Related options:

* ``records``
""",
    ),
    cfg.DictOpt(
        "records",
        default={},
        help="""
Where Tempest can read the records of migrations: compute host and directory,
``host:/directory,host:/directory``. What the API does not tell, such as the
downtime, is looked up there.
""",
    ),
    cfg.DictOpt(
        "vgpu_resources",
        default={},
        help="""
What a flavor asks Placement for, for servers with a vGPU: resource class and
amount, ``VGPU:1``. Empty: the cloud has no vGPUs that can be migrated.
""",
    ),
    cfg.StrOpt(
        "vgpu_image_ref",
        default="",
        help="""
Image for servers with a vGPU; empty: ``[compute] image_ref``.

Related options:

* ``vgpu_intact_pattern``
""",
    ),
    cfg.StrOpt(
        "vgpu_intact_pattern",
        default="",
        help="""
Regular expression that the console of a server with ``vgpu_image_ref`` shows
again and again while the data in its vGPU is intact. Empty: there is none.

Related options:

* ``vgpu_broken_pattern``
* ``vgpu_data_command``
""",
    ),
    cfg.StrOpt(
        "vgpu_broken_pattern",
        default="",
        help="""
Regular expression that the console shows when the data is not intact.
""",
    ),
    cfg.StrOpt(
        "vgpu_data_command",
        default="",
        help="""
Command that knows the data in a server's vGPU, where its console does not
tell. Called with two more words, ``mark`` and the server's id, it puts
something there before the migration; with ``check`` and the id, it looks
afterwards whether that is there still. Its exit code is 0 where all is well,
and what it prints is the reason where not. Quoted as for a shell, but run
without one. Empty: there is none.

Related options:

* ``vgpu_intact_pattern``
""",
    ),
    cfg.IntOpt(
        "migration_timeout_s",
        default=180,
        min=1,
        help="""
Seconds that a migration may take here.
""",
    ),
]
