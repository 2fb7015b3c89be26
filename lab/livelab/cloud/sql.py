# SPDX-License-Identifier: Apache-2.0
"""Ask the cloud's databases directly: quick enough to poll."""

from pathlib import Path
from typing import Any

import pymysql  # type: ignore[import-untyped]

from livelab.cloud.site import Site
from livelab.errors import LabError


def socket_file(site: Site) -> Path:
    """MariaDB's socket; a path reaches into any network namespace."""
    return site.state / "run" / "mariadb.sock"


def query(site: Site, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Rows of one statement; %s stands for each value. Raises LabError."""
    try:
        connection = pymysql.connect(
            unix_socket=str(socket_file(site)),
            user="lab",
            password=site.password,
            autocommit=True,
            connect_timeout=5,
        )
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())
    except pymysql.Error as error:
        raise LabError(f"MariaDB: {error}") from error
