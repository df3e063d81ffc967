"""An S3 server for tests: moto, which checks signatures and knows conditional writes, with faults on request.

Prints {"port", "accessKeyId", "secretAccessKey", "bucket"} as one line and ends when its stdin does.
POST /_faults with a list of {"method", "part", "status", "code", "done"} plans answers: the next request with that method whose path
contains `part` is answered with that error; `done`: after it has been carried out.
"""

import json
import os
import sys
import threading

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"
os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = str(256 * 1024 * 1024)

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

moto = DomainDispatcherApplication(create_backend_app)
faults = []
lock = threading.Lock()


def app(environ, start_response):
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    if path == "/_faults":
        size = int(environ.get("CONTENT_LENGTH") or 0)
        with lock:
            faults[:] = json.loads(environ["wsgi.input"].read(size))
        start_response("204 No Content", [])
        return [b""]
    with lock:
        fault = next((f for f in faults if f["method"] == method and f["part"] in path), None)
        if fault is not None:
            faults.remove(fault)
    if fault is None:
        return moto(environ, start_response)
    if fault.get("done"):
        b"".join(moto(environ, lambda *_: None))
    body = f"<?xml version='1.0'?><Error><Code>{fault['code']}</Code><Message>as planned</Message></Error>".encode()
    start_response(f"{fault['status']} Planned", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]


server = make_server("127.0.0.1", 0, app, threaded=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.port}"
login = dict(endpoint_url=url, region_name="us-east-1", aws_access_key_id="anybody", aws_secret_access_key="anything")
iam = boto3.client("iam", **login)
iam.create_user(UserName="lake")
everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
iam.put_user_policy(UserName="lake", PolicyName="all", PolicyDocument=json.dumps(everything))
key = iam.create_access_key(UserName="lake")["AccessKey"]
boto3.client("s3", **login).create_bucket(Bucket="lake")
print(json.dumps({"port": server.port, "bucket": "lake", "accessKeyId": key["AccessKeyId"], "secretAccessKey": key["SecretAccessKey"]}), flush=True)
sys.stdin.read()
os._exit(0)
