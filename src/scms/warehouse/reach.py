"""How a catalog and its files are reached: by URL, with secrets from the environment alone.

Input: the URL of the settings and the environment. Output: the properties that pyiceberg takes,
and what to do when something is missing.

    SCMS_CATALOG_USER, SCMS_CATALOG_PASSWORD   of a database, where the URL has none
    SCMS_CATALOG_TOKEN                         of a REST catalog (bearer token)
    AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL   of object stores

What else pyiceberg knows is set as it documents, for a catalog that is called ``scms``:
``PYICEBERG_CATALOG__SCMS__S3__PROXY_URI=…``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from scms.errors import WarehouseError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import URL

#: Seconds to wait for a connection, and for an answer: a silent catalog must not stop the flush
#: for ever.
CONNECT_SECONDS: Final = 10
ANSWER_SECONDS: Final = 60
#: The drivers that SCMS asks for, by what a URL may begin with. SQLAlchemy's own choice for
#: postgresql:// changed between its versions.
_DRIVERS: Final = {
    "postgresql": "postgresql+psycopg2",
    "postgres": "postgresql+psycopg2",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_EXTRAS: Final = {"psycopg2": "postgresql", "pymysql": "mysql"}
_TIMEOUTS: Final[dict[str, dict[str, str]]] = {
    "psycopg2": {
        "connect_timeout": str(CONNECT_SECONDS),
        "tcp_user_timeout": str(ANSWER_SECONDS * 1000),
        "options": f"-c statement_timeout={ANSWER_SECONDS}s -c lock_timeout={ANSWER_SECONDS}s",
    },
    "pymysql": {
        "connect_timeout": str(CONNECT_SECONDS),
        "read_timeout": str(ANSWER_SECONDS),
        "write_timeout": str(ANSWER_SECONDS),
    },
}


def is_rest(url: str) -> bool:
    """Whether a catalog is reached by HTTP."""
    return url.startswith(("http://", "https://"))


def properties(catalog: str, location: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What pyiceberg is to be told of a catalog and the storage of its files."""
    found = {
        "uri": catalog,
        "warehouse": location,
        "py-io-impl": "scms.warehouse.durable.DurableFileIO",
        **_storage(location, environ),
    }
    if is_rest(catalog):
        if token := environ.get("SCMS_CATALOG_TOKEN"):
            found["token"] = token
        return found
    if not catalog.startswith("sqlite:"):
        found["uri"] = database_url(catalog, environ).render_as_string(hide_password=False)
        found["pool_pre_ping"] = "true"  # a connection of before a restart of the database
    return found


def database_url(catalog: str, environ: Mapping[str, str]) -> URL:
    """The URL of a database with driver, user, password and timeouts."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(catalog)
    except ArgumentError as error:
        raise WarehouseError(
            f"the catalog {without_password(catalog)} cannot be understood",
            expected="a URL such as postgresql://host/database, mysql://host/database, "
            "https://host/catalog or sqlite:////directory/catalog.db",
        ) from error
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if url.username is None:
        url = url.set(username=environ.get("SCMS_CATALOG_USER"))
    if url.password is None:
        url = url.set(password=environ.get("SCMS_CATALOG_PASSWORD"))
    driver = url.drivername.partition("+")[2]
    given = url.query.keys()
    return url.update_query_dict(
        {key: value for key, value in _TIMEOUTS.get(driver, {}).items() if key not in given}
    )


def _storage(location: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What the client of an object store cannot find out by itself."""
    if not location.startswith(("s3://", "s3a://", "s3n://")):
        return {}
    region = environ.get("AWS_REGION", environ.get("AWS_DEFAULT_REGION"))
    endpoint = environ.get("AWS_ENDPOINT_URL_S3", environ.get("AWS_ENDPOINT_URL"))
    found = {"s3.connect-timeout": str(CONNECT_SECONDS), "s3.request-timeout": str(ANSWER_SECONDS)}
    if endpoint is not None:
        found["s3.endpoint"] = endpoint
        region = "us-east-1" if region is None else region  # else it would be asked of Amazon
    if region is not None:
        found["s3.region"] = region
    return found


def mend(error: BaseException, location: str) -> str | None:
    """What to do about an error, where that can be told; None where it cannot."""
    causes = [error]
    while (cause := causes[-1].__cause__) is not None and cause not in causes:
        causes.append(cause)
    for cause in causes:
        missing = cause.name if isinstance(cause, ImportError) else None
        if missing in _EXTRAS:
            return f"pip install 'scms[{_EXTRAS[missing]}]'"
    text = " ".join(str(cause) for cause in causes).lower()
    if location.startswith(("hdfs://", "viewfs://")) and any(
        sign in text for sign in ("libjvm", "libhdfs", "hdfsnewbuilder", "java_home")
    ):
        return (
            "install Hadoop's client and a Java runtime, and set JAVA_HOME, HADOOP_HOME, "
            "ARROW_LIBHDFS_DIR and CLASSPATH=$(hadoop classpath --glob)"
        )
    if any(sign in text for sign in _REFUSED):
        return (
            "set SCMS_CATALOG_USER and SCMS_CATALOG_PASSWORD (SCMS_CATALOG_TOKEN for a REST "
            "catalog) in the environment of the collector"
        )
    if location.startswith("s3") and any(sign in text for sign in ("access_denied", "credential")):
        return "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or another way that AWS knows"
    return None


_REFUSED: Final = (
    "password authentication failed",
    "no password supplied",
    "access denied for user",
    "unauthorized",
    "forbidden",
)


def without_password(url: str) -> str:
    """A URL that can be shown."""
    scheme, separator, rest = url.partition("://")
    credentials, at, host = rest.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}{separator}{user}{at}{host}" if at else url
