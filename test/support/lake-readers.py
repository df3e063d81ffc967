"""Reads a table of a lake with a program that is not ours: request as JSON on stdin, rows as JSON on stdout."""

import datetime
import decimal
import glob
import json
import os
import sys


def text(value):
    if value is None:
        return None
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value).hex()
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).strftime("%Y-%m-%d %H:%M:%S.%f") if value.tzinfo is None else (
            value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f"))
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return str(value)


def quoted(names):
    return ", ".join('"' + name.replace('"', '""') + '"' for name in names)


def duckdb_of(request, extensions):
    import duckdb

    base = os.path.dirname(os.path.dirname(duckdb.__file__))
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name in extensions:
        (path,) = glob.glob(f"{base}/duckdb_extension_{name}/extensions/*/{name}.duckdb_extension")
        connection.execute(f"LOAD '{path}'")
    if s3 := request.get("s3"):
        host = s3["endpoint"].removeprefix("http://")
        connection.execute(
            f"CREATE SECRET (TYPE s3, KEY_ID '{s3['accessKeyId']}', SECRET '{s3['secretAccessKey']}', "
            f"ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false, REGION 'us-east-1')")
    return connection


def from_duckdb(request, extensions, source):
    connection = duckdb_of(request, extensions)
    found = connection.execute(f"SELECT {quoted(request['columns'])} FROM {source}")
    types = {name: str(kind) for name, kind, *_ in found.description}
    return found.fetchall(), types


def duckdb_parquet(request):
    # The query of the template mysql-to-parquet.
    extensions = ["httpfs"] if request.get("s3") else []
    newest = (
        f"(SELECT * FROM read_parquet('{request['address']}/data/**/*.parquet', union_by_name = true) "
        f"QUALIFY row_number() OVER (PARTITION BY {quoted(request['key'])} ORDER BY _version DESC, _deleted DESC) = 1)")
    return from_duckdb(request, extensions, f"{newest} WHERE NOT _deleted")


def duckdb_delta(request):
    return from_duckdb(request, ["httpfs", "delta"], f"delta_scan('{request['address']}')")


def duckdb_iceberg(request):
    return from_duckdb(request, ["httpfs", "avro", "iceberg"], f"iceberg_scan('{request['address']}')")


def from_arrow(table, columns):
    lists = [table.column(name).to_pylist() for name in columns]
    return list(zip(*lists)), {name: str(table.schema.field(name).type) for name in columns}


def deltalake(request):
    import deltalake
    import pyarrow

    s3 = request.get("s3")
    options = s3 and {
        "AWS_ENDPOINT_URL": s3["endpoint"], "AWS_ACCESS_KEY_ID": s3["accessKeyId"], "AWS_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": s3["secretAccessKey"], "AWS_ALLOW_HTTP": "true"}
    table = deltalake.DeltaTable(request["address"], storage_options=options)
    query = deltalake.QueryBuilder().register("t", table)
    found = query.execute(f"SELECT {quoted(request['columns'])} FROM t")
    read = getattr(found, "read_all", lambda: found)()
    return from_arrow(pyarrow.table(read), request["columns"])


def pyiceberg(request):
    from pyiceberg.table import StaticTable

    s3 = request.get("s3")
    properties = {"s3.endpoint": s3["endpoint"], "s3.access-key-id": s3["accessKeyId"], "s3.region": "us-east-1",
                  "s3.secret-access-key": s3["secretAccessKey"]} if s3 else {}
    table = StaticTable.from_metadata(request["address"], properties=properties)
    scan = table.scan(selected_fields=tuple(request["columns"]))
    return from_arrow(scan.to_arrow(), request["columns"])


request = json.load(sys.stdin)
rows, types = globals()[request["reader"].replace("-", "_")](request)
json.dump({"rows": [[text(value) for value in row] for row in rows], "types": types}, sys.stdout)
